package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"tansu.cloud/platform/config"
	"tansu.cloud/sql/db"
)

// operatorTokenPrefix lets people and secret scanners recognize the token.
const operatorTokenPrefix = "tsk_op_"

func newOperatorToken() string {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	return operatorTokenPrefix + base64.RawURLEncoding.EncodeToString(secret)
}

func hashToken(token string) []byte {
	hash := sha256.Sum256([]byte(token)) // the token has 256 random bits: no slow hash is needed
	return hash[:]
}

// ensureOperatorToken stores the configured token's hash. Without one it makes a
// token if there is none yet, and returns it: this is the only moment at which
// anybody sees it. Of processes that start at once, one makes it. A token that was
// switched off stays off.
func ensureOperatorToken(ctx context.Context, q *db.Queries, configured config.Secret) (made string, err error) {
	if configured != "" {
		if err := q.ConfigureOperatorToken(ctx, hashToken(configured.Reveal())); err != nil {
			return "", fmt.Errorf("store the operator token: %w", err)
		}
		return "", nil
	}
	token := newOperatorToken()
	added, err := q.AddOperatorToken(ctx, hashToken(token))
	if err != nil {
		return "", fmt.Errorf("store the operator token: %w", err)
	}
	if added == 0 {
		return "", nil
	}
	return token, nil
}

// operatorRefresh is how soon a node knows a token that another process has made.
const operatorRefresh = 5 * time.Second

// operatorCredential checks operator tokens against the stored hash.
type operatorCredential struct {
	queries *db.Queries
	logger  *slog.Logger
	every   time.Duration // between two looks at the database
	hash    atomic.Pointer[[]byte]
	cancel  context.CancelFunc
	done    chan struct{}
}

func newOperatorCredential(q *db.Queries, logger *slog.Logger) *operatorCredential {
	return &operatorCredential{queries: q, logger: logger, every: operatorRefresh, done: make(chan struct{})}
}

// VerifyOperator takes the same time for every wrong token.
func (c *operatorCredential) VerifyOperator(token string) bool {
	hash := c.hash.Load()
	return hash != nil && subtle.ConstantTimeCompare(*hash, hashToken(token)) == 1
}

// Start loads the hash and keeps it fresh until Stop.
func (c *operatorCredential) Start(ctx context.Context) error {
	if err := c.load(ctx); err != nil {
		return err
	}
	if c.hash.Load() == nil {
		c.logger.WarnContext(ctx, "there is no operator token; set TANSU_OPERATOR_TOKEN, or make one with tansu operator rotate-token")
	}
	ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go c.refresh(ctx)
	return nil
}

// Stop ends what Start began.
func (c *operatorCredential) Stop(context.Context) error {
	c.cancel()
	<-c.done
	return nil
}

func (c *operatorCredential) refresh(ctx context.Context) {
	defer close(c.done)
	ticker := time.NewTicker(c.every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := c.load(ctx); err != nil && ctx.Err() == nil {
				c.logger.WarnContext(ctx, "the operator token could not be read again; the one known stays valid", "error", err)
			}
		}
	}
}

func (c *operatorCredential) load(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, operatorRefresh)
	defer cancel()
	hash, err := c.queries.OperatorTokenHash(ctx)
	if errors.Is(err, pgx.ErrNoRows) {
		c.hash.Store(nil)
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the operator token: %w", err)
	}
	c.hash.Store(&hash)
	return nil
}
