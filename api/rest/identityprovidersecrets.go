package rest

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"tansu.cloud/commands"
	"tansu.cloud/domain/identity/provider"
)

func (s *server) identityProviderSecretRoutes() {
	e := manageProvider("add-identity-provider", http.MethodPost, "", "Add an identity provider",
		"Lets people of the tenant sign in at an OpenID provider of its own, from now on. Register the redirect_uri of the answer there. Nobody can have it give what they may not do themselves. A tenant has at most 5.")
	e.path, e.status = "/v1/identity-providers", http.StatusCreated
	register(s, e, func(ctx context.Context, in *struct {
		CommandHeaders
		Body AddIdentityProviderBody
	}) (*created[IdentityProvider], error) {
		id, err := uuid.NewV7()
		if err != nil {
			return nil, err
		}
		sent, err := withProviderSecret(ctx, s, id, in.Body.Secret, func(secret string) (outcome[provider.State], error) {
			return sendNew(ctx, s, providerTarget, id.String(), s.Commands.AddIdentityProvider, in.CommandHeaders, commands.AddIdentityProvider{
				Issuer: in.Body.Issuer, PlainHTTP: s.Config.PlainWebhooks, SecretID: secret, Profile: in.Body.profile(),
			})
		})
		if err != nil {
			return nil, err
		}
		body := s.providerOfState(sent)
		return &created[IdentityProvider]{sent.status, sent.Written, "/v1/identity-providers/" + body.ID, body}, nil
	})
	register(s, manageProvider("change-identity-provider-secret", http.MethodPut, "/secret", "Change the secret of an identity provider",
		"Replaces the client secret, at once."),
		func(ctx context.Context, in *struct {
			IDPath
			ChangeHeaders
			Body ProviderSecretBody
		}) (*changed[IdentityProvider], error) {
			id, err := in.uuid(provider.ErrNotFound)
			if err != nil {
				return nil, err
			}
			sent, err := withProviderSecret(ctx, s, id, in.Body.Secret, func(secret string) (outcome[provider.State], error) {
				return sendTo(ctx, s, providerTarget, in.IDPath, s.Commands.ChangeIdentityProviderSecret, in.ChangeHeaders,
					commands.ChangeIdentityProviderSecret{SecretID: secret})
			})
			if err != nil {
				return nil, err
			}
			return &changed[IdentityProvider]{sent.status, sent.Written, s.providerOfState(sent)}, nil
		})
}

// withProviderSecret stores a client secret and sends the command that names it. It
// goes again by itself if the command does not take effect; else a saga keeps it, and
// those before it no longer.
func withProviderSecret(ctx context.Context, s *server, id uuid.UUID, text string, command func(secret string) (outcome[provider.State], error)) (outcome[provider.State], error) {
	tenant := callOf(ctx).tenant
	secret, err := uuid.NewV7()
	if err == nil {
		err = s.Credentials.StoreProviderSecret(ctx, tenant, id, secret, text)
	}
	if err != nil {
		return outcome[provider.State]{}, err
	}
	sent, err := command(secret.String())
	if err != nil || sent.state.SecretID != secret.String() {
		if err == nil || definite(err) {
			s.tidy(ctx, "an unused secret is kept for some days", s.Credentials.DropProviderSecret(ctx, tenant, id, secret))
		}
	}
	return sent, err
}
