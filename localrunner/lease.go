package localrunner

import (
	"net/http"
	"sync"

	"github.com/hubbub-edge/hubbub/localrunner/internal/gojs"
)

// maxLeased bounds the instances for the program's http.Handler, each of which takes 5 to 15 MB. Requests beyond wait.
const maxLeased = 32

// keepIdle is how many of them are kept while they have nothing to do.
const keepIdle = 4

// maxUses is how many requests one of them serves: a request with a body leaves some callbacks of syumai/workers behind.
const maxUses = 1000

// leased is an instance for the program's http.Handler.
type leased struct {
	*gojs.Instance
	uses int
}

// lease gives each request for the program's http.Handler an instance to itself: a handler may wait.
type lease struct {
	runner *Runner
	slots  chan struct{}

	mu   sync.Mutex
	idle []*leased
}

// ServeHTTP serves the request on an instance of its own.
func (l *lease) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	select {
	case l.slots <- struct{}{}:
	case <-req.Context().Done():
		panic(http.ErrAbortHandler) // nobody is there
	}
	defer func() { <-l.slots }()
	inst, err := l.take(req)
	if err != nil {
		l.runner.refuse(w, req, err)
		return
	}
	// An aborted response leaves by a panic: the handler may then still be at work, and its instance is not used again.
	finished := false
	defer func() {
		if !finished || !l.give(inst) {
			inst.Close()
		}
	}()
	inst.ServeHTTP(w, req)
	finished = inst.Err() == nil
}

func (l *lease) take(req *http.Request) (*leased, error) {
	for inst := l.pop(); inst != nil; inst = l.pop() {
		if inst.Err() == nil {
			return inst, nil
		}
		inst.Close() // what a handler had left behind, a timer perhaps, was its end
	}
	inst, err := l.runner.boot(req.Context(), &guest{rand: l.runner.opts.Rand})
	if err != nil {
		return nil, err
	}
	return &leased{Instance: inst}, nil
}

// pop returns an idle instance, or nil.
func (l *lease) pop() *leased {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.idle)
	if n == 0 {
		return nil
	}
	inst := l.idle[n-1]
	l.idle[n-1] = nil
	l.idle = l.idle[:n-1]
	return inst
}

// give keeps an idle instance for the next request, unless there are enough, or it has served its time.
func (l *lease) give(inst *leased) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if inst.uses++; inst.uses >= maxUses || len(l.idle) >= keepIdle {
		return false
	}
	l.idle = append(l.idle, inst)
	return true
}
