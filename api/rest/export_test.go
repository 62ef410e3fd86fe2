package rest

import (
	"maps"
	"slices"
)

// CachedRoutes lists the patterns of the routes whose answers are kept.
func CachedRoutes() []string {
	cached := maps.Clone(newServer(Deps{}).cached)
	maps.DeleteFunc(cached, func(_ string, sources []source) bool { return len(sources) == 0 })
	return slices.Sorted(maps.Keys(cached))
}
