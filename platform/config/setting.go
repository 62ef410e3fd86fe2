package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// setting is one leaf of Config.
type setting struct {
	key, env, flag, doc string
	index               []int // of the field, for reflect
}

var settings = listSettings(reflect.TypeFor[Config](), nil, "")

var secretType = reflect.TypeFor[Secret]()

func listSettings(t reflect.Type, index []int, prefix string) []setting {
	var list []setting
	for i := range t.NumField() {
		field := t.Field(i)
		at := append(append([]int{}, index...), i)
		key := prefix + field.Tag.Get("koanf")
		if field.Type.Kind() == reflect.Struct {
			list = append(list, listSettings(field.Type, at, key+".")...)
			continue
		}
		s := setting{key: key, env: field.Tag.Get("env"), doc: field.Tag.Get("doc"), index: at}
		if s.env == "" {
			s.env = "TANSU_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
		}
		if field.Type != secretType {
			s.flag = strings.NewReplacer(".", "-", "_", "-").Replace(key)
		}
		list = append(list, s)
	}
	return list
}

func (s setting) field(c *Config) reflect.Value {
	return reflect.ValueOf(c).Elem().FieldByIndex(s.index)
}

func (s setting) secret() bool { return s.flag == "" }

// names how a person sets it, for messages.
func (s setting) names() string {
	if s.secret() {
		return fmt.Sprintf("%s (%s, or %s_FILE)", s.key, s.env, s.env)
	}
	return fmt.Sprintf("%s (%s, --%s)", s.key, s.env, s.flag)
}

// set parses text into the field.
func (s setting) set(c *Config, text string) error {
	field := s.field(c)
	switch field.Interface().(type) {
	case string, Secret:
		field.SetString(text)
	case bool:
		value, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		field.SetBool(value)
	case int, int64:
		value, err := strconv.ParseInt(text, 10, 64)
		if err != nil || field.OverflowInt(value) {
			return fmt.Errorf("%q is not a whole number", text)
		}
		field.SetInt(value)
	case time.Duration:
		value, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is not a duration such as 500ms, 2s or 24h", text)
		}
		field.SetInt(int64(value))
	}
	return nil
}

// AddFlags adds a flag for each setting that is not secret. The flags carry no
// values of their own: Load reads those that were given.
func AddFlags(flags *pflag.FlagSet, defaults Config) {
	flags.String("config", "", "YAML file with settings (TANSU_CONFIG)")
	for _, s := range settings {
		if s.secret() {
			continue
		}
		usage := fmt.Sprintf("%s (%s)", s.doc, s.env)
		switch value := s.field(&defaults).Interface().(type) {
		case string:
			flags.String(s.flag, value, usage)
		case bool:
			flags.Bool(s.flag, value, usage)
		case int:
			flags.Int(s.flag, value, usage)
		case int64:
			flags.Int64(s.flag, value, usage)
		case time.Duration:
			flags.Duration(s.flag, value, usage)
		}
	}
}
