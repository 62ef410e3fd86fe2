package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// Sources are what Load reads besides the defaults.
type Sources struct {
	Env      []string       // as os.Environ
	Flags    *pflag.FlagSet // of AddFlags, parsed; may be nil
	Required []string       // keys that must not be empty
}

// Problem is one thing that is wrong with the settings.
type Problem struct {
	Key     string // empty if it concerns no one key
	Message string // says what would be right
}

// InvalidError lists everything that is wrong.
type InvalidError struct{ Problems []Problem }

func (e *InvalidError) Error() string {
	var text strings.Builder
	text.WriteString("the configuration is not valid:")
	for _, p := range e.Problems {
		text.WriteString("\n  - " + p.Message)
	}
	return text.String()
}

func (e *InvalidError) add(s setting, format string, args ...any) {
	e.Problems = append(e.Problems, Problem{Key: s.key, Message: s.names() + ": " + fmt.Sprintf(format, args...)})
}

func (e *InvalidError) addf(format string, args ...any) {
	e.Problems = append(e.Problems, Problem{Message: fmt.Sprintf(format, args...)})
}

// Load lays the sources over the defaults, later ones winning, and checks the
// result. Its error is an *InvalidError.
func Load(defaults Config, src Sources) (Config, error) {
	problems := &InvalidError{}
	values := koanf.New(".")
	loadFile(values, src, problems)
	loadEnv(values, src.Env, problems)
	if src.Flags != nil {
		_ = values.Load(posflag.ProviderWithFlag(src.Flags, ".", values, givenFlag), nil) // reads memory only
	}

	cfg := defaults
	for _, s := range settings {
		if !values.Exists(s.key) {
			continue
		}
		switch value := values.Get(s.key).(type) {
		case nil: // "key:" without a value leaves the default
		case map[string]any, []any:
			problems.add(s, "needs a single value")
		default:
			if err := s.set(&cfg, fmt.Sprint(value)); err != nil {
				if s.secret() {
					err = errors.New("cannot be read")
				}
				problems.add(s, "%v", err)
			}
		}
	}
	cfg.validate(problems)
	for _, s := range settings {
		if slices.Contains(src.Required, s.key) && s.field(&cfg).IsZero() {
			problems.add(s, "must be set: %s", s.doc)
		}
	}
	if len(problems.Problems) > 0 {
		return Config{}, problems
	}
	return cfg, nil
}

func givenFlag(f *pflag.Flag) (string, any) {
	for _, s := range settings {
		if s.flag == f.Name && f.Changed {
			return s.key, f.Value.String()
		}
	}
	return "", nil
}

func loadFile(values *koanf.Koanf, src Sources, problems *InvalidError) {
	path := lookup(src.Env, "TANSU_CONFIG")
	if src.Flags != nil {
		if given, err := src.Flags.GetString("config"); err == nil && given != "" {
			path = given
		}
	}
	if path == "" {
		return
	}
	if err := values.Load(file.Provider(path), yaml.Parser()); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			problems.addf("the file %s, named by --config or TANSU_CONFIG, does not exist", path)
			return
		}
		problems.addf("the file %s, named by --config or TANSU_CONFIG, cannot be read: %v", path, err)
		return
	}
	for _, key := range values.Keys() {
		if !isKnown(values, key) {
			problems.addf("%s in %s is not a setting%s", key, path, suggestion(key))
		}
	}
}

// isKnown also holds for what lies inside a setting, which Load reports, and
// for a section with nothing in it.
func isKnown(values *koanf.Koanf, key string) bool {
	return slices.ContainsFunc(settings, func(s setting) bool {
		return s.key == key || strings.HasPrefix(key, s.key+".") ||
			values.Get(key) == nil && strings.HasPrefix(s.key, key+".")
	})
}

// loadEnv ignores variables that name no setting: other programs set some too,
// such as Kubernetes for a service called tansu.
func loadEnv(values *koanf.Koanf, environ []string, problems *InvalidError) {
	byEnv := map[string]setting{}
	for _, s := range settings {
		byEnv[s.env] = s
	}
	_ = values.Load(env.Provider(".", env.Opt{ // reads memory only
		Prefix:      "TANSU_",
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			if s, ok := byEnv[name]; ok && value != "" {
				return s.key, value
			}
			return "", nil
		},
	}), nil)
	for _, s := range settings {
		path := lookup(environ, s.env+"_FILE")
		if !s.secret() || path == "" {
			continue
		}
		if lookup(environ, s.env) != "" {
			problems.add(s, "%s and %s_FILE are both set; remove one", s.env, s.env)
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			problems.add(s, "%s_FILE: %v", s.env, err)
			continue
		}
		_ = values.Set(s.key, strings.TrimSpace(string(content)))
	}
}

func lookup(environ []string, name string) string {
	value := ""
	for _, entry := range environ {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			value = v
		}
	}
	return value
}
