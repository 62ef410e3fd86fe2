package oidc

import "strings"

// What ID tokens say about the sign-in (acr): that one factor was shown, that two
// were, or that no impostor's page can have got hold of it (OpenID Connect EAP ACR
// Values).
const (
	acrSingle            = "urn:tansu:acr:single-factor"
	acrMulti             = "urn:tansu:acr:multi-factor"
	acrPhishingResistant = "phr"
)

var allACR = []string{acrSingle, acrMulti, acrPhishingResistant}

// methodClaims says how somebody signed in, in the words of RFC 8176. That has
// none for a link in a mail and for a recovery code, which is a one-time password.
func methodClaims(method string) (amr []string, acr string) {
	if _, of, inherited := strings.Cut(method, ":"); inherited {
		method = of
	}
	if method == methodPasskey {
		return []string{"pop", "user", "mfa"}, acrPhishingResistant
	}
	first, second, two := strings.Cut(method, "+")
	if first == methodPassword {
		amr = append(amr, "pwd")
	}
	if !two {
		return amr, acrSingle
	}
	if "+"+second == withTOTP || "+"+second == withRecovery {
		amr = append(amr, "otp")
	}
	return append(amr, "mfa"), acrMulti
}
