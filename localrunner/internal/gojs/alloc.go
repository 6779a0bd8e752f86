package gojs

import (
	"github.com/tetratelabs/wazero/experimental"
)

// pages is how a platform reserves address space and turns parts of it into memory.
type pages struct {
	reserve func(size int) ([]byte, error)
	commit  func(mem []byte) error
	release func(mem []byte) error
}

// platformPages is nil where the platform is not known; linear memories are then ordinary slices.
var platformPages *pages

// commitStep is how much address space becomes memory at a time: a power of two, a multiple of any page size.
const commitStep = 1 << 20

// allocateMemory reserves the largest size a linear memory may get, so that it grows in place. The garbage collector
// neither scans nor copies nor counts it, which is what keeps an instance's resident size near what the program uses.
func allocateMemory(_, max uint64) experimental.LinearMemory {
	if platformPages == nil || max > 1<<40 {
		return &heapMemory{}
	}
	size := (int(max) + commitStep - 1) &^ (commitStep - 1)
	space, err := platformPages.reserve(size)
	if err != nil {
		return &heapMemory{}
	}
	return &pagedMemory{space: space, max: max}
}

// pagedMemory is a linear memory in reserved address space. A view of it must not be used after Free: reading it
// then is a fault of the whole process.
type pagedMemory struct {
	space     []byte
	max       uint64
	committed int
}

func (m *pagedMemory) Reallocate(size uint64) []byte {
	if size > m.max {
		return nil
	}
	if need := (int(size) + commitStep - 1) &^ (commitStep - 1); need > m.committed {
		if err := platformPages.commit(m.space[m.committed:need]); err != nil {
			return nil
		}
		m.committed = need
	}
	return m.space[:size:m.committed]
}

func (m *pagedMemory) Free() {
	if m.space == nil {
		return
	}
	// Nothing can be done about a failure, and there is none for space that reserve returned.
	_ = platformPages.release(m.space)
	m.space, m.committed = nil, 0
}

// heapMemory is a linear memory in an ordinary slice.
type heapMemory struct{ buf []byte }

func (m *heapMemory) Reallocate(size uint64) []byte {
	if size <= uint64(cap(m.buf)) {
		m.buf = m.buf[:size]
		return m.buf
	}
	grown := make([]byte, size, size+size/4)
	copy(grown, m.buf)
	m.buf = grown
	return m.buf
}

func (m *heapMemory) Free() { m.buf = nil }
