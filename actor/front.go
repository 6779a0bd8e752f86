package actor

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Program is a whole program: what [NewEngine] and the front need to know of it.
type Program struct {
	// Classes are the program's classes of hubs.
	Classes []Class
	// Route, when not nil, decides first what becomes of a request, before the classes' paths. It must not block.
	Route func(r *Request) Decision
	// HasHandler says that requests which nobody else takes go to the program's own http.Handler. Package worker
	// sets it; without a handler they are answered with 404.
	HasHandler bool
	// Header is added to every answer of the front and of hubs, field by field where the answer has none of that
	// name. It is the place for CORS and security headers.
	Header Header
}

// Decision is what the front decides of a request. The zero value leaves it to the classes' paths, and then to the
// program's http.Handler.
type Decision struct {
	Hub    Address   // route it to this hub
	Meta   []byte    // what the hub learns of the client, at most [MaxMeta] bytes; see [Request.Meta]
	Answer *Response // or answer it at once
}

// Front decides, without waiting and without a hub, what becomes of each request. It is not safe for concurrent use.
type Front struct {
	classes    []Class
	route      func(*Request) Decision
	hasHandler bool
	header     Header
}

// NewFront returns p's front. It fails when p is not well-formed.
func NewFront(p Program) (*Front, error) {
	classes, err := p.classes()
	if err != nil {
		return nil, err
	}
	return &Front{classes, p.Route, p.HasHandler, p.Header}, nil
}

// Decide returns what becomes of r. The zero value means that it goes to the program's http.Handler.
func (f *Front) Decide(r *Request) (d Decision) {
	defer func() {
		if cause := recover(); cause != nil {
			d = Decision{Answer: Problem(http.StatusInternalServerError, fmt.Sprintf("route: panic: %v", cause))}
		}
		if d.Answer != nil {
			d.Answer.Header.fill(f.header)
		}
	}()
	if f.route != nil {
		if d := f.route(r); d.Answer != nil || d.Hub != (Address{}) {
			return f.checked(d)
		}
	}
	for _, c := range f.classes {
		if c.Path == "" {
			continue
		}
		name, _, ok, err := SplitPath(r.Path, c.Path)
		switch {
		case !ok:
		case err != nil:
			return Decision{Answer: Problem(http.StatusBadRequest, strings.TrimPrefix(err.Error(), "actor: "))}
		default:
			return Decision{Hub: Address{c.Name, name}}
		}
	}
	if f.hasHandler {
		return Decision{}
	}
	return Decision{Answer: Problem(http.StatusNotFound, "there is nothing at "+r.Path)}
}

// checked fails a decision of the program's own that no host could carry out.
func (f *Front) checked(d Decision) Decision {
	if d.Answer != nil {
		if err := d.Answer.finish(); err != nil {
			return Decision{Answer: Problem(http.StatusInternalServerError, "route: "+err.Error())}
		}
		return d
	}
	if err := CheckName(d.Hub.Name); err != nil {
		return Decision{Answer: Problem(http.StatusBadRequest, strings.TrimPrefix(err.Error(), "actor: "))}
	}
	if !slices.ContainsFunc(f.classes, func(c Class) bool { return c.Name == d.Hub.Class }) {
		return Decision{Answer: Problem(http.StatusInternalServerError,
			fmt.Sprintf("route: the program has no class %q", d.Hub.Class))}
	}
	if len(d.Meta) > MaxMeta {
		return Decision{Answer: Problem(http.StatusInternalServerError,
			fmt.Sprintf("route: %v: it has %d bytes, %d are allowed", ErrMeta, len(d.Meta), MaxMeta))}
	}
	return d
}

// ErrProgram is what every error about a [Program] wraps.
var ErrProgram = errors.New("actor: invalid program")

// Described returns the program's classes with every default filled in. It fails with [ErrProgram].
func (p Program) Described() ([]Class, error) { return p.classes() }

func (p Program) classes() ([]Class, error) {
	classes := make([]Class, 0, len(p.Classes))
	for _, c := range p.Classes {
		c, err := c.withDefaults()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrProgram, err)
		}
		for _, other := range classes {
			if other.Name == c.Name {
				return nil, fmt.Errorf("%w: two classes are named %q", ErrProgram, c.Name)
			}
			if other.Path == c.Path && c.Path != "" {
				return nil, fmt.Errorf("%w: classes %q and %q have the same path", ErrProgram, other.Name, c.Name)
			}
		}
		classes = append(classes, c)
	}
	return classes, nil
}
