package hub

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"time"

	types "picket.internal/api"
	"picket.internal/hub/internal/store"
)

const (
	// loginAgain is after what time the use of a token is recorded again: a
	// follow stream asks all day.
	loginAgain = 24 * time.Hour
	// failedEvery is how often a refused token is recorded. Whoever guesses,
	// guesses thousands of times: the others are counted in the next record.
	failedEvery = time.Minute
)

// logins checks access tokens and writes into the log who came in and who did
// not, so often that it can be read and never so often that the log is flooded.
type logins struct {
	store *store.Store
	log   *slog.Logger
	now   func() time.Time

	mu     sync.Mutex
	used   map[string]time.Time // by token, those that are good; guarded by mu
	failed time.Time            // when a refusal was last recorded; guarded by mu
	others int                  // refusals since then; guarded by mu
}

// Authorize checks a token. A record that cannot be written keeps nobody out:
// with a full disk somebody must be able to look.
func (l *logins) Authorize(ctx context.Context, id, secret string) error {
	err := l.store.Authorize(ctx, id, secret)
	event, detail := l.event(id, err)
	if event == "" {
		return err
	}
	if failed := l.store.RecordLogin(context.WithoutCancel(ctx), event, id, detail); failed != nil {
		l.log.Error("not logged who came in", "event", event, "token", id, "error", failed)
	}
	return err
}

// event is what is to be recorded; empty for nothing.
func (l *logins) event(id string, err error) (event string, detail map[string]string) {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		if last, ok := l.used[id]; ok && now.Sub(last) < loginAgain {
			return "", nil
		}
		l.used[id] = now
		return "login.accepted", nil
	case !errors.Is(err, types.ErrUnauthorized):
		return "", nil
	case !l.failed.IsZero() && now.Sub(l.failed) < failedEvery:
		l.others++
		return "", nil
	}
	detail = map[string]string{"others_since": strconv.Itoa(l.others)}
	l.failed, l.others = now, 0
	return "login.refused", detail
}
