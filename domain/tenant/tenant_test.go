package tenant_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tansu.cloud/domain"
	"tansu.cloud/domain/domaintest"
	"tansu.cloud/domain/tenant"
)

var (
	t0 = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	t1 = t0.Add(time.Hour)
	t2 = t1.Add(time.Hour)

	none      = map[string]any{}
	created   = tenant.Created{ID: "id-1", Slug: "acme", Name: "Acme", Settings: none, At: t0}
	suspended = tenant.Suspended{Reason: "unpaid", At: t1}
	archived  = tenant.Archived{Reason: "closed", At: t1}
)

func given(history ...tenant.Event) tenant.State {
	var s tenant.State
	for _, e := range history {
		s = tenant.Apply(s, e)
	}
	return s
}

func TestDecide(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		given []tenant.Event
		when  tenant.Command
		then  []tenant.Event
		code  string // of the refusal
	}{
		{"create", nil, tenant.Create{ID: "id-1", Slug: "acme", Name: " Acme ", At: t0}, []tenant.Event{created}, ""},
		{"create with settings", nil,
			tenant.Create{ID: "id-1", Slug: "acme", Name: "Acme", Settings: map[string]any{"seats": 3}, At: t0},
			[]tenant.Event{tenant.Created{ID: "id-1", Slug: "acme", Name: "Acme", Settings: map[string]any{"seats": 3.0}, At: t0}}, ""},
		{"create twice", []tenant.Event{created}, tenant.Create{ID: "id-1", Slug: "acme", Name: "Acme", At: t1}, nil, "tenant.already_exists"},
		{"create over an archived one", []tenant.Event{created, archived}, tenant.Create{ID: "id-1", Slug: "b", Name: "B", At: t1}, nil, "tenant.already_exists"},
		{"create without an id", nil, tenant.Create{Slug: "acme", Name: "Acme", At: t0}, nil, "tenant.id_invalid"},
		{"create with a bad slug", nil, tenant.Create{ID: "id-1", Slug: "Acme", Name: "Acme", At: t0}, nil, "tenant.slug_invalid"},
		{"create without a name", nil, tenant.Create{ID: "id-1", Slug: "acme", Name: " \t", At: t0}, nil, "tenant.name_invalid"},
		{"create with bad settings", nil, tenant.Create{ID: "id-1", Slug: "acme", Name: "Acme", Settings: map[string]any{"x": math.NaN()}, At: t0}, nil, "tenant.settings_invalid"},

		{"rename", []tenant.Event{created}, tenant.Rename{Name: "\tAcme Ltd ", At: t1}, []tenant.Event{tenant.Renamed{Name: "Acme Ltd", At: t1}}, ""},
		{"rename to the same name", []tenant.Event{created}, tenant.Rename{Name: " Acme", At: t1}, nil, ""},
		{"rename to nothing", []tenant.Event{created}, tenant.Rename{Name: "", At: t1}, nil, "tenant.name_invalid"},
		{"rename to too much", []tenant.Event{created}, tenant.Rename{Name: strings.Repeat("x", 201), At: t1}, nil, "tenant.name_invalid"},
		{"rename while suspended", []tenant.Event{created, suspended}, tenant.Rename{Name: "B", At: t2}, []tenant.Event{tenant.Renamed{Name: "B", At: t2}}, ""},
		{"rename an archived one", []tenant.Event{created, archived}, tenant.Rename{Name: "B", At: t2}, nil, "tenant.archived"},
		{"rename what does not exist", nil, tenant.Rename{Name: "B", At: t1}, nil, "tenant.not_found"},

		{"change settings", []tenant.Event{created}, tenant.ChangeSettings{Settings: map[string]any{"a": []string{"b"}}, At: t1},
			[]tenant.Event{tenant.SettingsChanged{Settings: map[string]any{"a": []any{"b"}}, At: t1}}, ""},
		{"change settings to the same", []tenant.Event{created, tenant.SettingsChanged{Settings: map[string]any{"a": 1.0}, At: t1}},
			tenant.ChangeSettings{Settings: map[string]any{"a": 1}, At: t2}, nil, ""},
		{"clear no settings", []tenant.Event{created}, tenant.ChangeSettings{At: t1}, nil, ""},
		{"change settings of an archived one", []tenant.Event{created, archived}, tenant.ChangeSettings{Settings: map[string]any{"a": 1}, At: t2}, nil, "tenant.archived"},

		{"suspend", []tenant.Event{created}, tenant.Suspend{Reason: " unpaid\n", At: t1}, []tenant.Event{suspended}, ""},
		{"suspend without a reason", []tenant.Event{created}, tenant.Suspend{Reason: " ", At: t1}, nil, "tenant.reason_invalid"},
		{"suspend twice", []tenant.Event{created, suspended}, tenant.Suspend{Reason: "again", At: t2}, nil, "tenant.not_active"},
		{"reactivate", []tenant.Event{created, suspended}, tenant.Reactivate{At: t2}, []tenant.Event{tenant.Reactivated{At: t2}}, ""},
		{"reactivate an active one", []tenant.Event{created}, tenant.Reactivate{Reason: "paid", At: t2}, nil, "tenant.not_suspended"},
		{"archive", []tenant.Event{created}, tenant.Archive{Reason: "closed", At: t1}, []tenant.Event{archived}, ""},
		{"archive a suspended one", []tenant.Event{created, suspended}, tenant.Archive{Reason: "closed", At: t1}, []tenant.Event{archived}, ""},
		{"archive without a reason", []tenant.Event{created}, tenant.Archive{At: t1}, nil, "tenant.reason_invalid"},
		{"archive twice", []tenant.Event{created, archived}, tenant.Archive{Reason: "again", At: t2}, nil, "tenant.archived"},
		{"reactivate an archived one", []tenant.Event{created, archived}, tenant.Reactivate{At: t2}, nil, "tenant.archived"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			events, err := tenant.Decide(given(tc.given...), tc.when)
			if tc.code != "" {
				domaintest.RequireRefused(t, err, tc.code)
				require.Empty(t, events)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.then, events)
		})
	}
}

func TestCreateReportsEveryField(t *testing.T) {
	t.Parallel()
	_, err := tenant.Decide(tenant.State{}, tenant.Create{ID: "id-1", Slug: "www", Name: "", At: t0})
	refusal := domaintest.RequireRefused(t, err, "tenant.slug_invalid")
	require.Equal(t, domain.KindInvalid, refusal.Kind)
	var fields []string
	for _, f := range refusal.Fields {
		fields = append(fields, f.Field+" "+f.Code)
	}
	require.Equal(t, []string{"/slug reserved", "/name required"}, fields)
}

func TestApply(t *testing.T) {
	t.Parallel()
	s := given(created,
		tenant.Renamed{Name: "B", At: t1},
		tenant.SettingsChanged{Settings: map[string]any{"a": 1.0}, At: t1},
		tenant.Suspended{Reason: "unpaid", At: t1})
	require.Equal(t, tenant.State{
		ID: "id-1", Slug: "acme", Name: "B", Status: tenant.StatusSuspended,
		Settings: map[string]any{"a": 1.0}, CreatedAt: t0, UpdatedAt: t1,
	}, s)
	require.Equal(t, tenant.StatusActive, tenant.Apply(s, tenant.Reactivated{At: t2}).Status)
	require.Equal(t, tenant.StatusArchived, tenant.Apply(s, tenant.Archived{At: t2}).Status)
}

func TestSettingsLimits(t *testing.T) {
	t.Parallel()
	nested := func(levels int) map[string]any {
		inner := map[string]any{}
		for range levels - 1 {
			inner = map[string]any{"x": inner}
		}
		inner["leaf"] = true
		return inner
	}
	cyclic := map[string]any{}
	cyclic["self"] = cyclic
	for _, tc := range []struct {
		name     string
		settings map[string]any
		code     string
	}{
		{"deepest", nested(tenant.MaxSettingsDepth), ""},
		{"too deep", nested(tenant.MaxSettingsDepth + 1), "too_deep"},
		{"deep by arrays", map[string]any{"x": []any{[]any{[]any{[]any{[]any{[]any{[]any{[]any{}}}}}}}}}, "too_deep"},
		{"largest", map[string]any{"x": strings.Repeat("y", tenant.MaxSettingsBytes-len(`{"x":""}`))}, ""},
		{"too large", map[string]any{"x": strings.Repeat("y", tenant.MaxSettingsBytes)}, "too_long"},
		{"cycle", cyclic, "invalid_json"},
		{"not JSON", map[string]any{"x": func() {}}, "invalid_json"},
		{"NUL in a value", map[string]any{"x": []any{"a\x00"}}, "invalid_characters"},
		{"NUL in a key", map[string]any{"x": map[string]any{"\x00": 1}}, "invalid_characters"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := tenant.Decide(given(created), tenant.ChangeSettings{Settings: tc.settings, At: t1})
			if tc.code == "" {
				require.NoError(t, err)
				return
			}
			refusal := domaintest.RequireRefused(t, err, "tenant.settings_invalid")
			require.Equal(t, tc.code, refusal.Fields[0].Code)
		})
	}
}

func TestDecidedSettingsAreACopy(t *testing.T) {
	t.Parallel()
	settings := map[string]any{"theme": map[string]any{"dark": true}}
	events, err := tenant.Decide(given(created), tenant.ChangeSettings{Settings: settings, At: t1})
	require.NoError(t, err)
	settings["theme"].(map[string]any)["dark"] = false
	require.Equal(t, map[string]any{"theme": map[string]any{"dark": true}}, events[0].(tenant.SettingsChanged).Settings)
}
