package config

import (
	"encoding/json"
	"time"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/v2"
)

// YAML renders the settings as a file that Load reads, with secrets redacted.
func (c Config) YAML() ([]byte, error) { return c.redacted().Marshal(yaml.Parser()) }

// JSON renders the settings with secrets redacted.
func (c Config) JSON() ([]byte, error) {
	return json.MarshalIndent(c.redacted().Raw(), "", "  ")
}

func (c Config) redacted() *koanf.Koanf {
	values := koanf.New(".")
	for _, s := range settings {
		value := s.field(&c).Interface()
		switch v := value.(type) {
		case Secret:
			value = v.String()
		case time.Duration:
			value = v.String()
		}
		_ = values.Set(s.key, value) // settings' keys do not collide
	}
	return values
}
