package localrunner

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/hubbub-edge/hubbub/abi"
	"github.com/hubbub-edge/hubbub/localrunner/internal/storage"
	"github.com/tetratelabs/wazero/api"
)

// errBlocked: an export returned without proof of having finished, see package abi.
var errBlocked = errors.New("the turn blocked: hub code must not wait")

// guest is the hubs' side of one instance: our exports, and what our imports work on. Only the goroutine that is in the
// instance uses it.
type guest struct {
	exports map[string]api.Function
	number  uint32
	rand    io.Reader
	buf     []byte // for inputs

	// db is the storage of the hub whose turn runs; nil outside of a turn.
	db *storage.DB
	// failed is what storage failed with first in this turn.
	failed error
	// killed: the instance was killed, perhaps in the midst of a turn.
	killed atomic.Bool
	// lastError is what last_error tells.
	lastError string
}

// resolve looks the exports up, once: each look-up costs more than a call.
func (g *guest) resolve(m api.Module) error {
	if g.exports != nil {
		return nil
	}
	exports := make(map[string]api.Function)
	for _, name := range []string{abi.ExportInput, abi.ExportDescribe, abi.ExportRoute, abi.ExportTurn} {
		f := m.ExportedFunction(name)
		if f == nil {
			return fmt.Errorf("the program does not export %s: its main must call worker.Serve", name)
		}
		exports[name] = f
	}
	g.exports = exports
	return nil
}

// call calls an export with input, and returns the payload, which lies in the program's memory: it is valid until the
// program is entered again.
func (g *guest) call(ctx context.Context, m api.Module, export string, input []byte) ([]byte, error) {
	if err := g.resolve(m); err != nil {
		return nil, err
	}
	var stack [2]uint64
	stack[0] = uint64(len(input))
	if err := g.exports[abi.ExportInput].CallWithStack(ctx, stack[:]); err != nil {
		return nil, err
	}
	if !m.Memory().Write(uint32(stack[0]), input) {
		return nil, errBlocked
	}
	g.number = max(1, g.number+1)
	stack[0], stack[1] = uint64(g.number), uint64(len(input))
	if err := g.exports[export].CallWithStack(ctx, stack[:]); err != nil {
		return nil, err
	}
	return g.payload(m, stack[0])
}

func (g *guest) payload(m api.Module, result uint64) ([]byte, error) {
	at := uint32(result)
	head, ok := m.Memory().Read(at, 8)
	if !ok || uint32(result>>32) != g.number || binary.LittleEndian.Uint32(head[4:]) != g.number {
		return nil, errBlocked
	}
	payload, ok := m.Memory().Read(at+8, binary.LittleEndian.Uint32(head))
	if !ok {
		return nil, errBlocked
	}
	return payload, nil
}
