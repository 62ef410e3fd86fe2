package tansu_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// licences maps a sentence that a licence's text contains, white space folded,
// to its name. All of them may be shipped inside an Apache-2.0 binary.
var licences = []struct{ name, sentence string }{
	{"Apache-2.0", "Apache License Version 2.0"},
	{"Apache-2.0", "Licensed under the Apache License, Version 2.0"},
	{"MIT", "Permission is hereby granted, free of charge, to any person obtaining a copy"},
	{"BSD", "Redistribution and use in source and binary forms, with or without modification, are permitted"},
	{"ISC", "Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee"},
	{"ISC", "Permission to use, copy, modify, and distribute this software for any purpose with or without fee"},
	{"MPL-2.0", "Mozilla Public License Version 2.0"},
	{"MPL-2.0", "Mozilla Public License, version 2.0"},
	{"Unlicense", "This is free and unencumbered software released into the public domain"},
	{"CC0-1.0", "CC0 1.0 Universal"},
	{"public domain", "All these files have been put into the public domain"},
}

// TestLicences reads the licence of every module that the product, or a test of
// it, is built with, and fails on one that is missing or not known to fit.
func TestLicences(t *testing.T) {
	t.Parallel()
	type goModule struct {
		Path, Version, Dir string
		Main               bool
	}
	seen := map[string]bool{}
	for _, p := range goList[struct{ Module *goModule }](t, "-deps", "-test", "./...") {
		m := p.Module
		if m == nil || m.Main || seen[m.Path] {
			continue
		}
		seen[m.Path] = true
		name, err := licenceOf(m.Dir)
		require.NoError(t, err, m.Path)
		if name == "" {
			t.Errorf("%s %s (%s): no known licence; add its sentence to licence_test.go if it may be shipped with Apache-2.0 code, else drop the module", m.Path, m.Version, m.Dir)
		}
	}
	require.NotEmpty(t, seen)
}

// TestLicencesFindStrangers shows that a licence which does not fit, and a module
// without one, are not let through.
func TestLicencesFindStrangers(t *testing.T) {
	t.Parallel()
	for file, text := range map[string]string{
		"COPYING": "GNU AFFERO GENERAL PUBLIC LICENSE\nVersion 3, 19 November 2007",
		"README":  "Permission is hereby granted, free of charge, to any person obtaining a copy",
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600))
		name, err := licenceOf(dir)
		require.NoError(t, err)
		require.Empty(t, name, file)
	}
}

func licenceOf(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		upper := strings.ToUpper(e.Name())
		if e.IsDir() || !(strings.HasPrefix(upper, "LICENSE") || strings.HasPrefix(upper, "LICENCE") ||
			strings.HasPrefix(upper, "COPYING") || strings.HasPrefix(upper, "UNLICENSE")) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return "", err
		}
		folded := strings.Join(strings.Fields(string(text)), " ")
		for _, l := range licences {
			if strings.Contains(folded, l.sentence) {
				return l.name, nil
			}
		}
	}
	return "", nil
}
