package gojs

import (
	"fmt"
	"slices"
	"strconv"
)

// nativeFunc is a function of the host that the program can call. An error is a *thrown.
type nativeFunc func(r *realm, this value, args []value) (value, error)

// constructor makes what new makes.
type constructor func(r *realm, args []value) (*object, error)

type function struct {
	name      string
	call      nativeFunc
	construct constructor // nil: new throws a TypeError
}

// object is an ECMAScript object. What it is beyond a bag of properties is in data.
type object struct {
	proto *object
	props propertyList
	fn    *function // nil: not callable
	data  any
	id    uint32 // its entry in the refTable; 0: the program holds no reference
}

// exotic is implemented by data whose object has properties that are computed from their key.
type exotic interface {
	getKey(r *realm, o *object, key string) (value, bool)
	setKey(r *realm, key string, v value) bool
}

// indexed is implemented by data whose object has elements.
type indexed interface {
	length() int
	at(i int) value
	setAt(r *realm, i int, v value)
}

type property struct {
	key    string
	val    value
	get    func(r *realm, o *object) value // accessor; nil: val
	hidden bool                            // not enumerable
}

// propertyList keeps properties in the order of their creation. Most objects have a handful, so that a scan beats a
// map; prototypes and the global object have more.
type propertyList struct {
	list  []property
	index map[string]int
}

const scanLimit = 10

func (p *propertyList) find(key string) *property {
	if p.index != nil {
		if i, ok := p.index[key]; ok {
			return &p.list[i]
		}
		return nil
	}
	for i := range p.list {
		if p.list[i].key == key {
			return &p.list[i]
		}
	}
	return nil
}

func (p *propertyList) add(prop property) {
	if old := p.find(prop.key); old != nil {
		*old = prop
		return
	}
	p.list = append(p.list, prop)
	if p.index != nil {
		p.index[prop.key] = len(p.list) - 1
	} else if len(p.list) > scanLimit {
		p.reindex()
	}
}

func (p *propertyList) remove(key string) {
	i := slices.IndexFunc(p.list, func(prop property) bool { return prop.key == key })
	if i < 0 {
		return
	}
	p.list = slices.Delete(p.list, i, i+1)
	if p.index != nil {
		p.reindex()
	}
}

func (p *propertyList) reindex() {
	p.index = make(map[string]int, len(p.list))
	for i := range p.list {
		p.index[p.list[i].key] = i
	}
}

// get is Reflect.get(o, key).
func (o *object) get(r *realm, key string) value {
	switch d := o.data.(type) {
	case exotic:
		if v, ok := d.getKey(r, o, key); ok {
			return v
		}
	case indexed:
		if i, ok := elementIndex(key); ok {
			return o.at(r, i)
		}
		if key == "length" {
			return float64(d.length())
		}
	}
	for p := o; p != nil; p = p.proto {
		if prop := p.props.find(key); prop != nil {
			if prop.get != nil {
				return prop.get(r, o)
			}
			return prop.val
		}
	}
	return nil
}

// set is Reflect.set(o, key, v). Accessors of the host cannot be written and keep their value, as a getter alone does.
func (o *object) set(r *realm, key string, v value) {
	switch d := o.data.(type) {
	case exotic:
		if d.setKey(r, key, v) {
			return
		}
	case indexed:
		if i, ok := elementIndex(key); ok {
			o.setAt(r, i, v)
			return
		}
	}
	for p := o; p != nil; p = p.proto {
		if prop := p.props.find(key); prop != nil {
			if prop.get != nil {
				return
			}
			break
		}
	}
	if own := o.props.find(key); own != nil {
		own.val = v
		return
	}
	o.props.add(property{key: key, val: v})
}

func (o *object) at(r *realm, i int) value {
	if d, ok := o.data.(indexed); ok {
		if i >= 0 && i < d.length() {
			return d.at(i)
		}
		return nil
	}
	return o.get(r, strconv.Itoa(i))
}

func (o *object) setAt(r *realm, i int, v value) {
	if d, ok := o.data.(indexed); ok {
		if i >= 0 {
			d.setAt(r, i, v)
		}
		return
	}
	o.set(r, strconv.Itoa(i), v)
}

// keys are the enumerable own keys of o.
func (o *object) keys() []string {
	var keys []string
	if d, ok := o.data.(indexed); ok {
		for i := range d.length() {
			keys = append(keys, strconv.Itoa(i))
		}
	}
	for _, p := range o.props.list {
		if !p.hidden {
			keys = append(keys, p.key)
		}
	}
	return keys
}

// elementIndex parses a canonical array index.
func elementIndex(key string) (int, bool) {
	if key == "" || key[0] < '0' || key[0] > '9' || len(key) > 10 || (key[0] == '0' && len(key) > 1) {
		return 0, false
	}
	i, err := strconv.Atoi(key)
	return i, err == nil
}

// instanceOf walks the prototypes of v for that of the class ctor.
func (r *realm) instanceOf(v, ctor value) bool {
	o, ok := v.(*object)
	class, ok2 := ctor.(*object)
	if !ok || !ok2 || class.fn == nil {
		return false
	}
	proto, ok := class.get(r, "prototype").(*object)
	if !ok {
		return false
	}
	for p := o.proto; p != nil; p = p.proto {
		if p == proto {
			return true
		}
	}
	return false
}

// maxDepth bounds how deep functions of the host may nest, each level of which can hold a nested entry into the
// program: the host's own stack must not overflow, because that would end the process.
const maxDepth = 256

// call is Reflect.apply(f, this, args).
func (r *realm) call(f, this value, args []value) (value, error) {
	o, ok := f.(*object)
	if !ok || o.fn == nil {
		return nil, r.throwType("%s is not a function", r.describe(f))
	}
	if r.depth >= maxDepth {
		return nil, r.throw("RangeError", "Maximum call stack size exceeded")
	}
	r.depth++
	v, err := o.fn.call(r, this, args)
	r.depth--
	return v, err
}

// invoke is o[name](...args).
func (r *realm) invoke(o *object, name string, args []value) (value, error) {
	f := o.get(r, name)
	if fo, ok := f.(*object); !ok || fo.fn == nil {
		return nil, r.throwType("%s is not a function", name)
	}
	return r.call(f, o, args)
}

// construct is Reflect.construct(f, args).
func (r *realm) construct(f value, args []value) (*object, error) {
	o, ok := f.(*object)
	if !ok || o.fn == nil || o.fn.construct == nil {
		return nil, r.throwType("%s is not a constructor", r.describe(f))
	}
	return o.fn.construct(r, args)
}

// describe names a value in a message.
func (r *realm) describe(v value) string {
	switch v := v.(type) {
	case *object:
		if v.fn != nil {
			return v.fn.name
		}
		return "object"
	case string:
		return strconv.Quote(v)
	}
	return r.toString(v)
}

// thrown is an exception on its way through functions of the host.
type thrown struct {
	val  value
	text string
}

func (t *thrown) Error() string { return t.text }

// throwValue makes v an error of Go.
func (r *realm) throwValue(v value) error { return &thrown{val: v, text: r.toString(v)} }

func (r *realm) throw(class, format string, args ...any) error {
	msg := fmt.Sprintf(format, args...)
	return &thrown{val: r.newError(class, msg), text: class + ": " + msg}
}

func (r *realm) throwType(format string, args ...any) error {
	return r.throw("TypeError", format, args...)
}

// thrownValue is what a catch clause would see of err.
func (r *realm) thrownValue(err error) value {
	if t, ok := err.(*thrown); ok {
		return t.val
	}
	return r.newError("Error", err.Error())
}
