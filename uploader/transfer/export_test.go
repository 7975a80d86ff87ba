package transfer

import "context"

// WithStallTimeout is for tests of what a store's request may do.
func WithStallTimeout[T any](ctx context.Context, do func(context.Context, func()) (T, error)) (T, error) {
	return withStallTimeout(ctx, do)
}
