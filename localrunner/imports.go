package localrunner

import (
	"context"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/hubbub-edge/hubbub/abi"
	"github.com/hubbub-edge/hubbub/localrunner/internal/gojs"
	"github.com/hubbub-edge/hubbub/localrunner/internal/storage"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// exportImports makes the functions that the program imports, see package abi. They find the instance's guest in the
// context.
func exportImports(b wazero.HostModuleBuilder) {
	for name, f := range map[string]struct {
		params, results int
		call            func(g *guest, m api.Memory, stack []uint64)
	}{
		abi.ImportStorageGet:    {4, 1, (*guest).storageGet},
		abi.ImportStoragePut:    {4, 1, (*guest).storagePut},
		abi.ImportStorageDelete: {2, 1, (*guest).storageDelete},
		abi.ImportStorageList:   {4, 1, (*guest).storageList},
		abi.ImportLastError:     {2, 1, (*guest).tellLastError},
		abi.ImportRandom:        {2, 0, (*guest).random},
	} {
		call := f.call
		b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(
			func(ctx context.Context, m api.Module, stack []uint64) {
				g := gojs.ValueFrom(ctx).(*guest)
				call(g, m.Memory(), stack)
				if g.killed.Load() {
					panic(errKilled) // ends the turn
				}
			}), i32s(f.params), i32s(f.results)).Export(name)
	}
}

func i32s(n int) []api.ValueType {
	types := make([]api.ValueType, n)
	for i := range types {
		types[i] = api.ValueTypeI32
	}
	return types
}

var (
	errNoTurn  = errors.New("there is no storage outside of a turn")
	errPointer = errors.New("the pointer is outside of memory")
)

// read returns the bytes that two parameters name. Of a parameter only the lower 32 bits are its value: what is above
// them is undefined. They lie in the program's memory.
func read(m api.Memory, at, length uint64) ([]byte, error) {
	b, ok := m.Read(api.DecodeU32(at), api.DecodeU32(length))
	if !ok {
		return nil, errPointer
	}
	return b, nil
}

// result sets a function's result: n, or Failed and the cause.
func (g *guest) result(stack []uint64, n int, err error) {
	if err != nil {
		g.lastError = err.Error()
		if g.failed == nil {
			g.failed = err
		}
		n = abi.Failed
	}
	stack[0] = api.EncodeI32(int32(n))
}

// key returns the text that the first two parameters name.
func (g *guest) key(m api.Memory, stack []uint64) (string, error) {
	if g.db == nil {
		return "", errNoTurn
	}
	b, err := read(m, stack[0], stack[1])
	return string(b), err
}

// give writes b where the last two parameters say, if there is room.
func give(m api.Memory, stack []uint64, b []byte) error {
	if len(b) <= int(api.DecodeU32(stack[3])) && !m.Write(api.DecodeU32(stack[2]), b) {
		return errPointer
	}
	return nil
}

func (g *guest) storageGet(m api.Memory, stack []uint64) {
	key, err := g.key(m, stack)
	if err != nil {
		g.result(stack, 0, err)
		return
	}
	value, ok, err := g.db.Get(key)
	switch {
	case err != nil || !ok:
		g.result(stack, abi.Absent, err)
	default:
		g.result(stack, len(value), give(m, stack, value))
	}
}

func (g *guest) storagePut(m api.Memory, stack []uint64) {
	key, err := g.key(m, stack)
	if err == nil {
		var value []byte
		if value, err = read(m, stack[2], stack[3]); err == nil {
			err = g.db.Put(key, value)
		}
	}
	g.result(stack, 0, err)
}

func (g *guest) storageDelete(m api.Memory, stack []uint64) {
	key, err := g.key(m, stack)
	n := 0
	if err == nil {
		var existed bool
		if existed, err = g.db.Delete(key); existed {
			n = 1
		}
	}
	g.result(stack, n, err)
}

func (g *guest) storageList(m api.Memory, stack []uint64) {
	options, err := g.key(m, stack)
	if err != nil {
		g.result(stack, 0, err)
		return
	}
	opts, err := abi.DecodeList([]byte(options))
	if err != nil {
		g.result(stack, 0, err)
		return
	}
	page := abi.NewPage(int(api.DecodeU32(stack[3])))
	err = g.db.List(storage.ListOptions{
		Prefix: opts.Prefix, Start: opts.Start, StartAfter: opts.StartAfter, End: opts.End,
		Reverse: opts.Reverse, Limit: opts.Limit,
	}, page.Add)
	if err == nil {
		err = give(m, stack, page.Bytes())
	}
	g.result(stack, len(page.Bytes()), err)
}

func (g *guest) tellLastError(m api.Memory, stack []uint64) {
	text := g.lastError
	for len(text) > int(api.DecodeU32(stack[1])) {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	m.Write(api.DecodeU32(stack[0]), []byte(text))
	stack[0] = api.EncodeI32(int32(len(g.lastError)))
}

func (g *guest) random(m api.Memory, stack []uint64) {
	if b, err := read(m, stack[0], stack[1]); err == nil {
		if _, err := io.ReadFull(g.rand, b); err != nil {
			panic(err) // there is no way on without randomness: the instance is lost
		}
	}
}
