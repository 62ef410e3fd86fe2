// Package access tells who calls and what they may do. A token, ours or one of a
// tenant's identity provider, is verified once and remembered until it expires; the rights behind it (memberships, roles,
// the session, the key) are read again every half second, so that whatever is
// taken away is gone within a second.
package access
