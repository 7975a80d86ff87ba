package transfer

import "context"

// Attempt is for tests of what a store's request may do.
func Attempt[T any](ctx context.Context, do func(context.Context, func()) (T, error)) (T, error) {
	return attempt(ctx, do)
}
