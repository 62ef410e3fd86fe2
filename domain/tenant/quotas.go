package tenant

import (
	"fmt"
	"maps"
	"slices"

	"tansu.cloud/domain"
)

// Names of quotas.
const (
	QuotaMembers         = "members"
	QuotaInvites         = "invites"
	QuotaAPIKeys         = "api_keys"
	QuotaServiceAccounts = "service_accounts"
	QuotaWebhooks        = "webhooks"
	QuotaSockets         = "sockets"
	QuotaRequests        = "requests_per_minute"
	QuotaStorage         = "storage_bytes"
	QuotaDocuments       = "documents"
	QuotaRuns            = "runs"
)

// Quota is something of which a tenant may have only so much.
type Quota struct {
	Name    string
	Title   string
	Default int64
	Max     int64 // what the platform can bear
	// Enforced says that more is refused. The others bound what a tenant cannot
	// have yet: they can be set, and will count once there is something to count.
	Enforced bool
}

// quotas is every quota, in the order in which people see them. The defaults of
// sockets and requests are what the platform's own limits allow each tenant, so
// that by default they bind nobody more tightly.
var quotas = []Quota{
	{QuotaMembers, "Members", 1_000, 100_000, true},
	{QuotaInvites, "Invites that can be accepted", 200, 10_000, true},
	{QuotaAPIKeys, "API keys that are not revoked", 200, 200, true},
	{QuotaServiceAccounts, "Service accounts", 200, 200, true},
	{QuotaWebhooks, "Webhooks", 50, 50, true},
	{QuotaSockets, "Sockets and feeds at once", 10_000, 1_000_000, true},
	{QuotaRequests, "Requests of all members and programs in a minute", 450_000, 100_000_000, true},
	{QuotaStorage, "Bytes of objects", 10 << 30, 1 << 60, false},
	{QuotaDocuments, "Documents", 1_000_000, 1_000_000_000, false},
	{QuotaRuns, "Runs in a day", 10_000, 100_000_000, false},
}

// AllQuotas lists every quota.
func AllQuotas() []Quota { return slices.Clone(quotas) }

// Quotas are the bounds of one tenant by name.
type Quotas map[string]int64

// Of returns the bound of a name: the default if nobody has set it.
func (q Quotas) Of(name string) int64 {
	if limit, set := q[name]; set {
		return limit
	}
	i := slices.IndexFunc(quotas, func(q Quota) bool { return q.Name == name })
	return quotas[i].Default
}

// Exceeded refuses what would go beyond a quota.
func Exceeded(name string, limit, used int64) error {
	return domain.Forbidden("quota_exceeded",
		fmt.Sprintf("the tenant's quota %s is %d, of which %d are used; remove something, or ask for a higher quota", name, limit, used))
}

// cleanQuotas checks quotas and completes them with the defaults.
func cleanQuotas(given Quotas) (Quotas, []domain.FieldError) {
	clean := Quotas{}
	for _, q := range quotas {
		clean[q.Name] = q.Default
	}
	var problems []domain.FieldError
	for _, name := range slices.Sorted(maps.Keys(given)) {
		i := slices.IndexFunc(quotas, func(q Quota) bool { return q.Name == name })
		switch limit := given[name]; {
		case i < 0:
			problems = append(problems, domain.FieldError{Field: "/quotas", Code: "unknown", Message: "name a quota that does not exist"})
		case limit < 0 || limit > quotas[i].Max:
			problems = append(problems, domain.FieldError{Field: "/quotas/" + name, Code: "out_of_range", Message: fmt.Sprintf("must be from 0 to %d", quotas[i].Max)})
		default:
			clean[name] = limit
		}
	}
	return clean, problems
}
