package gojs

import (
	"io"
	"math"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func testRealm() *realm {
	cfg := Config{Clock: newFakeClock(), Stdout: io.Discard}.withDefaults()
	return newRealm(&cfg, io.Discard, func(func()) {})
}

func TestRefTable(t *testing.T) {
	r := testRealm()
	refs := newRefTable(r.global, r.newObject())
	base := refs.live()
	for _, v := range []value{nil, null, true, false, 0.0, 1.0, -1.5, math.Inf(1), "text", "", r.global, r.newObject()} {
		assert.Equal(t, v, refs.load(refs.store(v)), "%v", v)
	}
	assert.True(t, math.IsNaN(refs.load(refs.store(math.NaN())).(float64)))
	assert.Equal(t, refs.store(0.0), refs.store(math.Copysign(0, -1)), "wasm_exec.js keeps no -0")
	assert.Equal(t, base+3, refs.live(), "two strings and an object")

	a, b := refs.store("same"), refs.store("sa"+"me")
	assert.Equal(t, a, b)
	refs.release(uint32(a))
	assert.Equal(t, "same", refs.load(b), "counted twice")
	refs.release(uint32(b))
	assert.Nil(t, refs.load(b))
	refs.release(uint32(b))
	refs.release(1 << 30)
	refs.release(refGlobal)
	assert.Equal(t, r.global, refs.load(refs.store(r.global)), "the predefined stay")
	assert.Equal(t, uint32(a), uint32(refs.store("other")), "an id is used again")

	assert.EqualValues(t, 0x7FF80001, refs.store(r.newObject())>>32)
	assert.EqualValues(t, 0x7FF80002, refs.store("s")>>32)
	assert.EqualValues(t, 0x7FF80004, refs.store(r.newFunction("f", nil))>>32)
	assert.EqualValues(t, 0x7FF80000, refs.store(true)>>32)
}

func TestDecodeUTF8(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                "plain",
		"\uFEFFmarked":         "marked",
		"\xff":                 "\uFFFD",
		"a\xe2\x82z":           "a\uFFFDz",           // one maximal part
		"\xe2\x82":             "\uFFFD",             // at the end
		"\xf0\x9f\x98z":        "\uFFFDz",            // three of four
		"\xed\xa0\x80":         "\uFFFD\uFFFD\uFFFD", // a surrogate: no part of it can begin a sequence
		"\xc0\xaf":             "\uFFFD\uFFFD",
		"\xf4\x90\x80\x80":     "\uFFFD\uFFFD\uFFFD\uFFFD",
		"\xe0\x80":             "\uFFFD\uFFFD",
		"\x80\x80":             "\uFFFD\uFFFD",
		"real \uFFFD stays":    "real \uFFFD stays",
		"\xf0\x90\x80\xe2\x82": "\uFFFD\uFFFD",
	} {
		assert.Equal(t, want, decodeUTF8([]byte(in)), "%x", in)
	}
}

func FuzzDecodeUTF8(f *testing.F) {
	f.Add([]byte("grüße"))
	f.Add([]byte("\xf0\x9f\x98\xe2"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := decodeUTF8(b)
		if !utf8.ValidString(s) {
			t.Fatalf("%x became invalid %x", b, s)
		}
	})
}

func TestNumberToString(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0", 1: "1", -1.5: "-1.5", 1e21: "1e+21", 1e20: "100000000000000000000", 1e-7: "1e-7", 1.5e-9: "1.5e-9",
		0.000001: "0.000001", 123456789.25: "123456789.25", math.Inf(-1): "-Infinity",
	} {
		assert.Equal(t, want, numberToString(f))
	}
	assert.Equal(t, "NaN", numberToString(math.NaN()))
}

func TestToNumber(t *testing.T) {
	r := testRealm()
	for in, want := range map[value]float64{
		null: 0, true: 1, false: 0, "": 0, " 12 ": 12, "1e3": 1000, "-0.5": -0.5, 7.0: 7,
	} {
		assert.Equal(t, want, r.toNumber(in), "%v", in)
	}
	for _, in := range []value{nil, "x", "0x1p-2", "1_000", "nan", r.newObject()} {
		assert.True(t, math.IsNaN(r.toNumber(in)), "%v", in)
	}
}

func TestAllocators(t *testing.T) {
	saved := platformPages
	defer func() { platformPages = saved }()
	for name, p := range map[string]*pages{"platform": saved, "heap": nil} {
		t.Run(name, func(t *testing.T) {
			platformPages = p
			mem := allocateMemory(pageSize, 16<<20)
			defer mem.Free()
			b := mem.Reallocate(pageSize)
			require.Len(t, b, pageSize)
			b[0], b[pageSize-1] = 1, 2
			b = mem.Reallocate(4 << 20)
			require.Len(t, b, 4<<20)
			assert.EqualValues(t, 1, b[0])
			assert.EqualValues(t, 2, b[pageSize-1])
			assert.Zero(t, b[4<<20-1])
			b[4<<20-1] = 3
			if p != nil {
				assert.Nil(t, mem.Reallocate(16<<20+1))
			}
		})
	}
}

func TestCauses(t *testing.T) {
	for text, want := range map[string]string{
		"stack overflow": "gojs: stack overflow",
		"wasm error: unreachable\nwasm stack trace:\n\tf()": "gojs: trap: unreachable",
		"wasm error: stack overflow\nwasm stack trace:\n\t": "gojs: stack overflow",
		"something else": "something else",
	} {
		assert.EqualError(t, causeOf(errText(text)), want)
	}
	assert.ErrorIs(t, causeOf(errText("stack overflow")), ErrStackOverflow)
}

type errText string

func (e errText) Error() string { return string(e) }

func TestCrashLog(t *testing.T) {
	log := crashLog{to: io.Discard}
	for _, part := range []string{"panic: my own words\n", "pan", "ic: real", " one\n", "\tpanic: second\n", string(make([]byte, 9000)), "\nend"} {
		_, err := log.Write([]byte(part))
		require.NoError(t, err)
	}
	assert.Len(t, log.tail, tailSize)
	assert.Equal(t, "end", string(log.tail[tailSize-3:]))
	exit := &ExitError{Code: 2}
	log.explain(exit)
	assert.EqualError(t, exit, "gojs: the program ended with panic: real one")
	plain := &ExitError{Code: 1}
	log.explain(plain)
	assert.EqualError(t, plain, "gojs: the program called os.Exit(1)")
}
