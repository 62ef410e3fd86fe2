// Package oidc is the OpenID provider: it signs people in on pages of its own
// and gives programs tokens. The protocol's parsing is that of zitadel/oidc
// (op.Server); what is decided and every token that is minted is decided here.
//
// A request for authorization is not stored. It travels sealed through the
// pages (login, choice of a tenant, consent), so whoever is not signed in
// leaves nothing behind; only an approved request becomes a grant, in
// platform/grants. The tenant that a token is for is checked whenever one is
// minted, on the way in and at each refresh.
package oidc
