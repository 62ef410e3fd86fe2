package presence

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Check tells whether the name is within its bound.
func (c Channel) Check() error {
	if n := utf8.RuneCountInString(c.Name); n > MaxChannelName {
		return fmt.Errorf("%w: the channel's name has %d characters; at most %d are allowed", ErrFull, n, MaxChannelName)
	}
	return nil
}

// Check tells whether the state is within its bound.
func (m Member) Check() error {
	if len(m.State) > MaxState {
		return fmt.Errorf("%w: the state has %d bytes; at most %d are allowed", ErrFull, len(m.State), MaxState)
	}
	return nil
}

// CheckData tells whether the data of a broadcast is within its bound.
func CheckData(data json.RawMessage) error {
	if len(data) > MaxPayload {
		return fmt.Errorf("%w: the message has %d bytes; at most %d are allowed", ErrFull, len(data), MaxPayload)
	}
	return nil
}

// TooManyChannels is the error of a tenant that has reached MaxChannels.
func TooManyChannels() error {
	return fmt.Errorf("%w: the tenant has %d channels with members; leave some", ErrFull, MaxChannels)
}

// TooManyMembers is the error of a channel that has reached MaxMembers.
func TooManyMembers() error {
	return fmt.Errorf("%w: the channel has %d members; use another channel", ErrFull, MaxMembers)
}
