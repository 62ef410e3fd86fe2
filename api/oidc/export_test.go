package oidc

import (
	"maps"
	"slices"
)

// FormPaths lists where our pages post to.
func (p *Provider) FormPaths() []string { return slices.Sorted(maps.Keys(p.forms())) }
