package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// TestCommandsAreThereOnce: no two siblings share a name, and each says what it does.
func TestCommandsAreThereOnce(t *testing.T) {
	t.Parallel()
	eachCommand(newRoot(&app{}), func(cmd *cobra.Command) {
		taken := map[string]string{}
		for _, sub := range cmd.Commands() {
			require.True(t, sub.Hidden || sub.Short != "", sub.CommandPath())
			for _, name := range append(sub.Aliases, sub.Name()) {
				require.NotContains(t, taken, name, "%s and %s of %s share a name", sub.Name(), taken[name], cmd.CommandPath())
				taken[name] = sub.Name()
			}
		}
	})
}

// TestDocumentedCommandsExist: whatever the help texts, the README and the pages in
// docs tell people to type is a command, with flags that it has.
func TestDocumentedCommandsExist(t *testing.T) {
	t.Parallel()
	found := 0
	check := func(where, line string) {
		found++
		words := wordsOf(line)
		cmd, rest, err := newRoot(&app{}).Find(words[1:])
		if err != nil || cmd.HasSubCommands() && len(rest) > 0 && !strings.ContainsAny(rest[0][:1], "-<…") {
			t.Errorf("%s: there is no such command: %s", where, line)
			return
		}
		cmd.InitDefaultHelpFlag()
		for _, word := range rest {
			name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
			long := strings.HasPrefix(word, "--") && cmd.Flag(name) == nil
			short := len(word) == 2 && word[0] == '-' && cmd.Flags().ShorthandLookup(name) == nil && cmd.InheritedFlags().ShorthandLookup(name) == nil
			if name != "" && (long || short) {
				t.Errorf("%s: %s has no flag %s", where, cmd.CommandPath(), word)
			}
		}
	}
	eachCommand(newRoot(&app{}), func(cmd *cobra.Command) {
		for _, line := range linesOf(cmd.Example) {
			if strings.HasPrefix(line, "tansu ") {
				check(cmd.CommandPath()+" --help", line)
			}
		}
	})
	pages, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	runbooks, err := filepath.Glob("../../docs/runbooks/*.md")
	require.NoError(t, err)
	inCode := regexp.MustCompile("`(tansu [^`]+)`")
	for _, page := range append(append(pages, runbooks...), "../../README.md") {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		fenced := false
		for _, line := range linesOf(string(text)) {
			if strings.HasPrefix(line, "```") {
				fenced = !fenced
			}
			shown := strings.TrimPrefix(line, "$ ")
			if i := strings.Index(shown, "$(tansu "); i >= 0 {
				shown = shown[i+2:]
			}
			if strings.HasPrefix(shown, "tansu ") {
				check(page, shown)
			}
			if !fenced {
				for _, m := range inCode.FindAllStringSubmatch(line, -1) {
					check(page, m[1])
				}
			}
		}
	}
	require.Greater(t, found, 200)
}

func eachCommand(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, sub := range cmd.Commands() {
		eachCommand(sub, visit)
	}
}

// linesOf joins what a backslash continues.
func linesOf(text string) (lines []string) {
	for line := range strings.Lines(regexp.MustCompile(`\\\n\s*`).ReplaceAllString(text, "")) {
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines
}

// wordsOf splits a command line as a shell would, up to what the shell does with it.
func wordsOf(line string) (words []string) {
	for _, word := range regexp.MustCompile(`(?:"[^"]*"|'[^']*'|[^\s"'])+`).FindAllString(line, -1) {
		if strings.ContainsAny(word[:1], "|&;>#") || strings.HasPrefix(word, "2>") {
			break
		}
		words = append(words, strings.Trim(word, `)"'`))
	}
	return words
}
