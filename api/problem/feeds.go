package problem

import (
	"net/http"
	"slices"
)

// Codes of feeds and sockets; most of them arrive in frames.
const (
	UpgradeRequired      Code = "upgrade_required"
	HandshakeInvalid     Code = "handshake_invalid"
	TokenInURL           Code = "token_in_url"
	OriginForbidden      Code = "origin_forbidden"
	FrameInvalid         Code = "frame_invalid"
	FilterInvalid        Code = "filter_invalid"
	PositionAhead        Code = "position_ahead"
	SnapshotUnknown      Code = "snapshot_unknown"
	SnapshotTooLarge     Code = "snapshot_too_large"
	SubscriptionExists   Code = "subscription_exists"
	SubscriptionUnknown  Code = "subscription_unknown"
	TooManySubscriptions Code = "too_many_subscriptions"
	TooManyChannels      Code = "too_many_channels"
	TooManyConnections   Code = "too_many_connections"
	NotJoined            Code = "not_joined"
	ChannelFull          Code = "channel_full"
	PrincipalMismatch    Code = "principal_mismatch"
	ConnectTimeout       Code = "connect_timeout"
	TokenExpired         Code = "token_expired"
	TooSlow              Code = "too_slow"
	Shutdown             Code = "shutdown"
)

var feedCatalogue = []Entry{
	{UpgradeRequired, http.StatusUpgradeRequired, "This is a websocket", "Connect with a websocket client, or use GET /v1/feed."},
	{HandshakeInvalid, http.StatusBadRequest, "The websocket handshake is malformed", "Ask for version 13 and the subprotocol tansu.v1."},
	{TokenInURL, http.StatusBadRequest, "The URL holds a token", "Send the token in the connect frame; URLs end up in logs. Revoke this token."},
	{OriginForbidden, http.StatusForbidden, "Pages of this origin may not connect", "Serve the page from the host of the server, or have its origin allowed."},
	{FrameInvalid, http.StatusUnprocessableEntity, "The frame is not one of the protocol", "The errors point at the fields; docs/protocol.md has all frames."},
	{FilterInvalid, http.StatusUnprocessableEntity, "The filter cannot be understood", "The errors say where and how to put it right."},
	{PositionAhead, http.StatusUnprocessableEntity, "The position lies beyond the end of the log", "The log is another one, or was restored: read it again from where it is known."},
	{SnapshotUnknown, http.StatusUnprocessableEntity, "There is no such snapshot", "Name a read model that can be followed."},
	{SnapshotTooLarge, http.StatusUnprocessableEntity, "The snapshot is too large", "Page through the list and subscribe after its Tansu-Position."},
	{SubscriptionExists, http.StatusConflict, "The subscription exists", "Use another id, or unsubscribe first."},
	{SubscriptionUnknown, http.StatusNotFound, "There is no such subscription", "Check the id."},
	{TooManySubscriptions, http.StatusTooManyRequests, "Too many subscriptions", "Unsubscribe from something, or give one subscription several topics."},
	{TooManyChannels, http.StatusTooManyRequests, "Too many channels", "Leave a channel first."},
	{TooManyConnections, http.StatusTooManyRequests, "Too many connections", "Close some, or repeat later; one connection can hold many subscriptions."},
	{NotJoined, http.StatusConflict, "The channel was not joined", "Join it first."},
	{ChannelFull, http.StatusTooManyRequests, "The channel is full", "Repeat later, or use another channel."},
	{PrincipalMismatch, http.StatusConflict, "The token is of somebody else", "Refresh with a token of the same principal, or connect anew."},
	{ConnectTimeout, http.StatusRequestTimeout, "The connect frame did not arrive in time", "Send it right after the upgrade."},
	{TokenExpired, http.StatusUnauthorized, "The token has expired", "Connect with a new token; refresh before it expires."},
	{TooSlow, http.StatusTooManyRequests, "The reader does not keep up", "Resume after the last position; read faster or select less."},
	{Shutdown, http.StatusServiceUnavailable, "The server shuts down", "Connect again after retry_in and resume."},
}

// FeedCatalogue lists the codes of feeds and sockets, which the other routes
// do not have.
func FeedCatalogue() []Entry { return slices.Clone(feedCatalogue) }
