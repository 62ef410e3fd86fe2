package projections

import "context"

// AfterCommit has do called when the transaction of the Apply that was given ctx
// has been committed, and not if it fails. A process that dies in between does not
// come to it, so do may only hurry what happens anyway. It must not block.
func AfterCommit(ctx context.Context, do func()) {
	if later, applying := ctx.Value(afterCommitKey{}).(*afterCommit); applying {
		later.all = append(later.all, do)
	}
}

// OwnTypesOnly tells the runner that an Apply with EveryType, given ctx, has no
// use for the events of other types than its own in this tenant's log, until one
// of its own has come. For most tenants that spares a transaction for each run of
// events. It may be forgotten, and then the next Apply says it again.
func OwnTypesOnly(ctx context.Context) {
	if later, applying := ctx.Value(afterCommitKey{}).(*afterCommit); applying {
		later.ownTypes = true
	}
}

type afterCommitKey struct{}

// afterCommit is what a transaction leaves for when it is committed.
type afterCommit struct {
	all      []func()
	ownTypes bool
}

func (a *afterCommit) in(ctx context.Context) context.Context {
	return context.WithValue(ctx, afterCommitKey{}, a)
}

func (a *afterCommit) run() {
	for _, do := range a.all {
		do()
	}
}
