package gojs

import "math"

const (
	// nanHead marks a reference that is not a number by itself.
	nanHead = 0x7FF80000

	refNaN    = 0
	refZero   = 1
	refNull   = 2
	refTrue   = 3
	refFalse  = 4
	refGlobal = 5
	refGo     = 6

	firstFreeRef = 7
	pinned       = math.MaxUint32
)

// refTable holds the values that the program has references to, as wasm_exec.js does: a number other than zero and NaN
// is its own reference, everything else is an id in the low half of a NaN. Equal strings share an id, which is what
// makes js.Value.Equal work.
type refTable struct {
	values  []value
	counts  []uint32
	free    []uint32
	strings map[string]uint32
}

func newRefTable(global, goObject *object) *refTable {
	t := &refTable{
		values:  make([]value, firstFreeRef, 256),
		counts:  make([]uint32, firstFreeRef, 256),
		strings: make(map[string]uint32),
	}
	t.values[refNaN] = math.NaN()
	t.values[refZero] = 0.0
	t.values[refNull] = null
	t.values[refTrue] = true
	t.values[refFalse] = false
	t.values[refGlobal], global.id = global, refGlobal
	t.values[refGo], goObject.id = goObject, refGo
	for i := range t.counts {
		t.counts[i] = pinned
	}
	return t
}

// load is the value behind a reference.
func (t *refTable) load(ref uint64) value {
	f := math.Float64frombits(ref)
	if f == 0 {
		return nil
	}
	if !math.IsNaN(f) {
		return f
	}
	if id := uint32(ref); int(id) < len(t.values) {
		return t.values[id]
	}
	return nil
}

// store makes a reference to v that the program owns: it gives it back with release.
func (t *refTable) store(v value) uint64 {
	var id uint32
	switch v := v.(type) {
	case nil:
		return 0
	case float64:
		if v == 0 { // also -0, which wasm_exec.js does not keep either
			return nanHead<<32 | refZero
		}
		if math.IsNaN(v) {
			return nanHead << 32
		}
		return math.Float64bits(v)
	case nullValue:
		return nanHead<<32 | refNull
	case bool:
		if v {
			return nanHead<<32 | refTrue
		}
		return nanHead<<32 | refFalse
	case string:
		var ok bool
		if id, ok = t.strings[v]; !ok {
			id = t.add(v)
			t.strings[v] = id
		}
	case *object:
		if v.id == 0 {
			v.id = t.add(v)
		}
		id = v.id
	}
	if t.counts[id] != pinned {
		t.counts[id]++
	}
	return (nanHead|typeFlag(v))<<32 | uint64(id)
}

func (t *refTable) add(v value) uint32 {
	if n := len(t.free); n > 0 {
		id := t.free[n-1]
		t.free = t.free[:n-1]
		t.values[id] = v
		return id
	}
	t.values = append(t.values, v)
	t.counts = append(t.counts, 0)
	return uint32(len(t.values) - 1)
}

// release gives one reference back.
func (t *refTable) release(id uint32) {
	if int(id) >= len(t.counts) || t.counts[id] == pinned || t.counts[id] == 0 {
		return
	}
	t.counts[id]--
	if t.counts[id] > 0 {
		return
	}
	switch v := t.values[id].(type) {
	case string:
		delete(t.strings, v)
	case *object:
		v.id = 0
	}
	t.values[id] = nil
	t.free = append(t.free, id)
}

// live is the number of entries in use.
func (t *refTable) live() int { return len(t.values) - len(t.free) }
