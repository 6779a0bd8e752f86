package soak

import (
	"fmt"
	"strconv"
	"strings"
)

// eventID is the id of a published event, "<epoch>-<seq>".
type eventID struct {
	epoch string
	seq   uint64
}

func (id eventID) String() string { return id.epoch + "-" + strconv.FormatUint(id.seq, 10) }

func parseID(s string) (eventID, error) {
	if i := strings.LastIndexByte(s, '-'); i > 0 {
		seq, err := strconv.ParseUint(s[i+1:], 10, 64)
		if id := (eventID{s[:i], seq}); err == nil && seq > 0 && id.String() == s {
			return id, nil
		}
	}
	return eventID{}, fmt.Errorf("%w: the id %q is not <epoch>-<seq>", ErrBroken, s)
}
