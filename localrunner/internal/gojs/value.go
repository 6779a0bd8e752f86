package gojs

import (
	"math"
	"strconv"
	"strings"
)

// value is an ECMAScript value: nil is undefined, and otherwise it is a nullValue, bool, float64, string or *object.
// Two values are the same (===) when they are == in Go. Strings are UTF-8: programs exchange no others.
type value = any

type nullValue struct{}

var null = nullValue{}

func isNullish(v value) bool { return v == nil || v == null }

// toNumber is ToNumber.
func (r *realm) toNumber(v value) float64 {
	switch v := v.(type) {
	case nullValue:
		return 0
	case bool:
		if v {
			return 1
		}
		return 0
	case float64:
		return v
	case string:
		s := strings.TrimSpace(v)
		if s == "" {
			return 0
		}
		if f, err := strconv.ParseFloat(s, 64); err == nil && !strings.ContainsAny(s, "_xXpPnN") {
			return f
		}
	case *object:
		if d, ok := v.data.(*date); ok {
			return d.ms
		}
		return r.toNumber(r.toString(v))
	}
	return math.NaN()
}

// toInteger is ToIntegerOrInfinity, with the infinities cut to what an int holds.
func (r *realm) toInteger(v value) int {
	f := r.toNumber(v)
	switch {
	case math.IsNaN(f):
		return 0
	case f >= math.MaxInt32*1024:
		return math.MaxInt32 * 1024
	case f <= -math.MaxInt32*1024:
		return -math.MaxInt32 * 1024
	}
	return int(f)
}

// toString is String(v). A toString method that throws yields the class of the object: there is nobody to throw to
// where the program asks for a string.
func (r *realm) toString(v value) string {
	switch v := v.(type) {
	case nil:
		return "undefined"
	case nullValue:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return numberToString(v)
	case string:
		return v
	}
	o := v.(*object)
	if res, err := r.invoke(o, "toString", nil); err == nil {
		if _, nested := res.(*object); !nested {
			return r.toString(res)
		}
	}
	return "[object Object]"
}

// numberToString is Number::toString(x, 10) of ECMA-262.
func numberToString(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case f == 0:
		return "0"
	}
	if abs := math.Abs(f); abs >= 1e-6 && abs < 1e21 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	mantissa, exp, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	sign := exp[:1]
	return mantissa + "e" + sign + strings.TrimLeft(exp[1:], "0")
}

// typeFlag is the type of a reference as syscall/js expects it in bits 32 to 34.
func typeFlag(v value) uint64 {
	switch v := v.(type) {
	case string:
		return 2
	case *object:
		if v.fn != nil {
			return 4
		}
		return 1
	}
	return 0
}

// arg is args[i], or undefined.
func arg(args []value, i int) value {
	if i < len(args) {
		return args[i]
	}
	return nil
}
