package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/uuid"

	"tansu.cloud/api/access"
	"tansu.cloud/api/middleware"
	"tansu.cloud/api/oidc"
	"tansu.cloud/platform/credentials"
	"tansu.cloud/platform/federation"
	"tansu.cloud/platform/grants"
	"tansu.cloud/platform/mail"
	"tansu.cloud/platform/outbound"
	directory "tansu.cloud/projections/readmodels/access"
	"tansu.cloud/projections/readmodels/clients"
	"tansu.cloud/projections/readmodels/tenantdirectory"
	"tansu.cloud/projections/readmodels/users"
)

// identity lets people and programs in.
type identity struct {
	credentials *credentials.Store
	provider    *oidc.Provider
	access      *access.Authenticator
	mailer      mail.Mailer
	federation  *federation.Client
	emailIndex  func(normalised string) string
}

// openCredentials is for whatever part of the node sends somebody a token.
func (n *node) openCredentials(master [32]byte) error {
	key, err := derive(master, "tansu credentials", sha256.Size)
	if err != nil {
		return err
	}
	if n.identity.mailer, err = n.newMailer(); err != nil {
		return err
	}
	n.identity.credentials, err = credentials.New(n.pool, credentials.Config{Key: key, Logger: n.logger})
	return err
}

// openIdentity comes after the log and its read models.
func (n *node) openIdentity(ctx context.Context, master [32]byte, operator access.OperatorToken) (err error) {
	id := &n.identity
	if !n.cfg.Has("api") {
		id.access, err = access.New(access.Deps{Operator: operator})
		return err
	}
	keys := map[string][]byte{"tansu grants": nil, "tansu sign-in pages": nil, "tansu identity index": nil}
	for purpose := range keys {
		if keys[purpose], err = derive(master, purpose, sha256.Size); err != nil {
			return err
		}
	}
	granted := grants.New(n.pool, grants.Config{Key: [32]byte(keys["tansu grants"])})
	people, rights := users.NewDirectory(n.platform), directory.NewDirectory(n.own)
	if id.federation, err = federation.New(federation.Config{HTTP: outbound.NewClient(outbound.Config{Allowed: n.cfg.Webhooks.Networks()})}); err != nil {
		return err
	}
	issuer, tenants, index := n.cfg.Issuer(), tenantdirectory.NewDirectory(n.platform), newIdentityIndex(keys["tansu identity index"])
	id.provider, err = oidc.New(oidc.Deps{
		Config: oidc.Config{PublicURL: issuer, Secure: strings.HasPrefix(issuer, "https://")},
		Grants: granted, Credentials: id.credentials, Acts: oidc.NewActs(n.parts.commands, n.parts.runner),
		Users: people, Access: rights, Clients: clients.NewDirectory(n.platform), Tenants: tenants,
		Mailer: id.mailer, Limits: n.engines.limits, EmailIndex: id.emailIndex,
		IdentityIndex: index, Federation: id.federation,
		Key: [32]byte(keys["tansu sign-in pages"]), Logger: n.logger, Address: middleware.ClientAddress,
	})
	if err != nil {
		return err
	}
	id.access, err = access.New(access.Deps{
		Operator: operator, Tokens: id.provider, Keys: id.credentials, Users: people, Directory: rights, Tenants: tenants,
		Issuer: issuer, Issuers: id.federation, IdentityIndex: index,
	})
	if err != nil {
		return err
	}
	n.onStop("access", func(context.Context) error { id.access.Close(); return nil })
	return n.startAll(ctx,
		named{"credentials", newLoop(id.credentials.Run)},
		named{"grants", newLoop(func(ctx context.Context) error { return granted.Run(ctx, n.logger) })},
		named{"OpenID provider", newLoop(id.provider.Run)})
}

// newMailer sends through the server that is named, else into the mailbox that
// `tansu dev` has, else not at all, which whoever wants something sent is told.
func (n *node) newMailer() (mail.Mailer, error) {
	switch {
	case n.cfg.Mail.SMTPURL != "":
		n.mailbox = nil
		mailer, err := mail.NewSMTP(mail.SMTPConfig{URL: n.cfg.Mail.SMTPURL.Reveal(), From: n.cfg.Mail.From})
		if err != nil {
			return nil, fmt.Errorf("mail: %w", err)
		}
		return mailer, nil
	case n.mailbox != nil:
		return n.mailbox, nil
	default:
		return noMail{}, nil
	}
}

// noMail is an installation without a mail server.
type noMail struct{}

var errNoMail = errors.New("no mail server is named; set mail.smtp_url (TANSU_MAIL_SMTP_URL)")

func (noMail) Send(context.Context, mail.Message) error { return errNoMail }

// newEmailIndex makes the keyed hash by which people are found and addresses are
// unique.
func newEmailIndex(key []byte) func(normalised string) string {
	return func(normalised string) string {
		h := hmac.New(sha256.New, key)
		_, _ = io.WriteString(h, normalised) // never fails
		return hex.EncodeToString(h.Sum(nil))
	}
}

// newIdentityIndex makes the keyed hash by which people are found who come from an
// identity provider of a tenant's own.
func newIdentityIndex(key []byte) func(tenant uuid.UUID, issuer, subject string) string {
	return func(tenant uuid.UUID, issuer, subject string) string {
		h := hmac.New(sha256.New, key)
		h.Write(tenant[:])
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(issuer)))) // so that no two pairs read the same
		_, _ = io.WriteString(h, issuer+subject)                         // never fails
		return hex.EncodeToString(h.Sum(nil))
	}
}
