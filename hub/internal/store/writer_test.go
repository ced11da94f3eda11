package store_test

import (
	"context"
	"errors"
	"testing"
)

// What a change leaves behind for its caller is read by the caller as soon as
// the call returns, also by one whose context has ended.
func TestAChangeThatIsGivenUp(t *testing.T) {
	t.Run("while it runs is waited for", func(t *testing.T) {
		b := newBench(t)
		ctx, cancel := context.WithCancel(t.Context())
		left := 0
		err := b.Write(ctx, func() error {
			cancel()
			left = 1 // the race detector tells of a caller that did not wait
			return nil
		})
		if err != nil || left != 1 {
			t.Errorf("got %v and %d, want what became of the change: no error and 1", err, left)
		}
	})
	t.Run("before it runs never runs", func(t *testing.T) {
		b := newBench(t)
		begun, goOn, first := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		go func() {
			first <- b.Write(t.Context(), func() error { close(begun); <-goOn; return nil })
		}()
		<-begun
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		ran := false
		if err := b.Write(ctx, func() error { ran = true; return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
		close(goOn)
		if err := <-first; err != nil {
			t.Error(err)
		}
		if err := b.Write(t.Context(), func() error { return nil }); err != nil { // goes behind the one given up
			t.Error(err)
		}
		if ran {
			t.Error("a change that was given up ran")
		}
	})
}
