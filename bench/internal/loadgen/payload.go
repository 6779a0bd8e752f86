package loadgen

import "time"

// A payload is text of fixed places: the publisher and its event's number and time in hexadecimal, then filler.
const (
	publisherDigits = 4
	numberDigits    = 8
	timeDigits      = 16

	// MinPayload is the shortest payload, in bytes.
	MinPayload = publisherDigits + numberDigits + timeDigits
)

// mark is what a payload says.
type mark struct {
	publisher uint16
	number    uint32        // of the publisher's events, from 1 on
	at        time.Duration // when it was due to be published, since the audience's beginning
}

// put writes m over the front of payload, which has at least MinPayload bytes.
func (m mark) put(payload []byte) {
	hex(payload[:publisherDigits], uint64(m.publisher))
	hex(payload[publisherDigits:publisherDigits+numberDigits], uint64(m.number))
	hex(payload[publisherDigits+numberDigits:MinPayload], uint64(m.at))
}

// newPayload returns a payload of size bytes to put marks into.
func newPayload(size int) []byte {
	b := make([]byte, max(size, MinPayload))
	for i := range b {
		b[i] = 'a' + byte(i%26)
	}
	return b
}

// parseMark is false for what is not a payload.
func parseMark(payload []byte) (m mark, ok bool) {
	if len(payload) < MinPayload {
		return m, false
	}
	publisher, ok1 := unhexAll(payload[:publisherDigits])
	number, ok2 := unhexAll(payload[publisherDigits : publisherDigits+numberDigits])
	at, ok3 := unhexAll(payload[publisherDigits+numberDigits : MinPayload])
	return mark{uint16(publisher), uint32(number), time.Duration(at)}, ok1 && ok2 && ok3
}

func hex(to []byte, v uint64) {
	for i := len(to) - 1; i >= 0; i-- {
		to[i] = "0123456789abcdef"[v&15]
		v >>= 4
	}
}

func unhexAll(b []byte) (v uint64, ok bool) {
	for _, c := range b {
		digit, ok := unhex(c)
		if !ok {
			return 0, false
		}
		v = v<<4 | uint64(digit)
	}
	return v, true
}
