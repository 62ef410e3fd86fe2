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

type afterCommitKey struct{}

// afterCommit is what a transaction leaves to be done.
type afterCommit struct{ all []func() }

func (a *afterCommit) in(ctx context.Context) context.Context {
	return context.WithValue(ctx, afterCommitKey{}, a)
}

func (a *afterCommit) run() {
	for _, do := range a.all {
		do()
	}
}
