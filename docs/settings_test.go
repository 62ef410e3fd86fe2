package docs_test

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"tansu.cloud/platform/config"
)

// TestEverySettingIsDescribed: key, variable and default in configuration.md, and
// the variable in .env.example, which may hold no others.
func TestEverySettingIsDescribed(t *testing.T) {
	t.Parallel()
	page, example := read(t, "configuration.md"), read(t, "../.env.example")
	known := map[string]bool{"TANSU_CONFIG": true, "TANSU_SERVER": true, "TANSU_TOKEN": true}
	for _, s := range settings(reflect.ValueOf(config.Default()), "") {
		known[s.variable] = true
		row := fmt.Sprintf("| `%s` | `%s` | `%s` |", s.key, s.variable, s.value)
		if s.value == "" {
			row = fmt.Sprintf("| `%s` | `%s` | |", s.key, s.variable)
		} else if s.key == "data_dir" || s.key == "node_id" { // depend on the machine
			row = fmt.Sprintf("| `%s` | `%s` | see right |", s.key, s.variable)
		}
		if !strings.Contains(page, row) {
			t.Errorf("configuration.md has no row %s", row)
		}
		if !strings.Contains(example, "\n#"+s.variable+"=") {
			t.Errorf(".env.example does not mention %s", s.variable)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^#?(TANSU_[A-Z_]+)=`).FindAllStringSubmatch(example, -1) {
		if !known[m[1]] {
			t.Errorf(".env.example has %s, which nothing reads", m[1])
		}
	}
}

type setting struct{ key, variable, value string }

// settings lists the leaves of a configuration as package config names them.
func settings(v reflect.Value, prefix string) []setting {
	var all []setting
	for i := range v.NumField() {
		field := v.Type().Field(i)
		key := prefix + field.Tag.Get("koanf")
		if field.Type.Kind() == reflect.Struct {
			all = append(all, settings(v.Field(i), key+".")...)
			continue
		}
		variable := field.Tag.Get("env")
		if variable == "" {
			variable = "TANSU_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
		}
		all = append(all, setting{key, variable, fmt.Sprint(v.Field(i).Interface())})
	}
	return all
}
