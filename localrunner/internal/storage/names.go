package storage

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"go/token"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxName = 256

	// A file name may have 255 bytes. This leaves room for ".sqlite", for "-journal" and for
	// ".damaged-20060102T150405.000Z-2".
	maxFileName = 200
	// hashMark cannot occur in the escape of a short name, so a shortened name never equals a short one.
	hashMark = "~"
)

var (
	hashEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

	// reservedOnWindows are device names there, whatever their extension is.
	reservedOnWindows = map[string]bool{"con": true, "prn": true, "aux": true, "nul": true}
)

// checkName reports whether class and name can address a hub.
func checkName(class, name string) error {
	switch {
	case !token.IsIdentifier(class):
		return fmt.Errorf("%w: class %q is not a Go identifier", ErrName, class)
	case len(name) == 0 || len(name) > maxName:
		return fmt.Errorf("%w: %d bytes, want 1 to %d", ErrName, len(name), maxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: %q is not UTF-8", ErrName, name)
	case strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("%w: %q has a control character", ErrName, name)
	}
	return nil
}

// fileName turns any string into a readable name for a file. Distinct strings give names that are distinct on every
// file system, also where letter case and Unicode normalisation do not count, because only a–z, 0–9 and a few ASCII
// signs come out of it:
//
//	lobby      lobby
//	Lobby      +lobby
//	a/b        a%2fb
//	con        %63on     (a device on Windows)
//	long …     the first 160 bytes or so of the escape, "~" and 128 bits of SHA-256
func fileName(s string) string {
	base, _, _ := strings.Cut(strings.ToLower(s), ".")
	base = strings.TrimRight(base, " ")
	device := reservedOnWindows[base] ||
		len(base) == 4 && (strings.HasPrefix(base, "com") || strings.HasPrefix(base, "lpt")) && isDigit(base[3])

	var b strings.Builder
	cut := 0
	for i := range len(s) {
		c := s[i]
		switch {
		case i == 0 && (device || c == '.' || c == '-'):
			// A leading dot hides the file, a leading dash looks like an option.
			fmt.Fprintf(&b, "%%%02x", c)
		case 'a' <= c && c <= 'z', isDigit(c), c == '-', c == '_', c == '.' && i < len(s)-1:
			b.WriteByte(c)
		case 'A' <= c && c <= 'Z':
			b.WriteByte('+')
			b.WriteByte(c | 0x20)
		default:
			fmt.Fprintf(&b, "%%%02x", c)
		}
		if b.Len() <= maxFileName-40 {
			cut = b.Len()
		}
	}
	if b.Len() <= maxFileName {
		return b.String()
	}
	sum := sha256.Sum256([]byte(s))
	return b.String()[:cut] + hashMark + hashEncoding.EncodeToString(sum[:16])
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
