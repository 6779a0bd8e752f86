package gojs

import (
	"math"
	"strings"
)

// installNode makes fs, process and path as the wasm_exec.js of a browser does: standard output and error exist, and
// nothing else of a file system.
func (r *realm) installNode() {
	fs := r.newObject()
	constants := r.newObject()
	for _, name := range []string{"O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND", "O_EXCL", "O_DIRECTORY"} {
		constants.props.add(property{key: name, val: -1.0})
	}
	fs.props.add(property{key: "constants", val: constants})
	for _, name := range []string{
		"chmod", "chown", "close", "fchmod", "fchown", "fstat", "ftruncate", "lchown", "link", "lstat", "mkdir", "open",
		"read", "readdir", "readlink", "rename", "rmdir", "stat", "symlink", "truncate", "unlink", "utimes",
	} {
		fs.props.add(property{key: name, val: r.newFunction(name, func(r *realm, _ value, args []value) (value, error) {
			return r.callback(args, r.enosys())
		})})
	}
	r.methods(fs, map[string]nativeFunc{
		"fsync": func(r *realm, _ value, args []value) (value, error) { return r.callback(args, null) },
		"writeSync": func(r *realm, _ value, args []value) (value, error) {
			b, ok := bytesOf(arg(args, 1))
			if !ok {
				return nil, r.throwType("fs.writeSync: the argument is not a Uint8Array")
			}
			r.writeFD(r.toInteger(arg(args, 0)), b)
			return float64(len(b)), nil
		},
		"write": fsWrite,
	})
	r.define("fs", fs)

	process := r.newRecord("pid", -1.0, "ppid", -1.0)
	for _, name := range []string{"getuid", "getgid", "geteuid", "getegid"} {
		process.props.add(property{key: name, val: r.newFunction(name, func(*realm, value, []value) (value, error) {
			return -1.0, nil
		})})
	}
	for _, name := range []string{"getgroups", "umask", "cwd", "chdir"} {
		process.props.add(property{key: name, val: r.newFunction(name, func(r *realm, _ value, _ []value) (value, error) {
			return nil, r.throwValue(r.enosys())
		})})
	}
	r.define("process", process)

	path := r.newObject()
	r.methods(path, map[string]nativeFunc{
		"resolve": func(r *realm, _ value, args []value) (value, error) {
			parts := make([]string, len(args))
			for i, v := range args {
				parts[i] = r.toString(v)
			}
			return strings.Join(parts, "/"), nil
		},
	})
	r.define("path", path)
}

func (r *realm) enosys() *object {
	e := r.newError("Error", "not implemented")
	e.props.add(property{key: "code", val: "ENOSYS"})
	return e
}

// callback calls the last argument, at once: syscall waits for it on a channel with room for one result.
func (r *realm) callback(args []value, results ...value) (value, error) {
	if len(args) == 0 {
		return nil, r.throwType("fs: no callback given")
	}
	_, err := r.call(args[len(args)-1], nil, results)
	return nil, err
}

// fsWrite is fs.write(fd, buf, offset, length, position, callback).
func fsWrite(r *realm, _ value, args []value) (value, error) {
	b, ok := bytesOf(arg(args, 1))
	if !ok || len(args) < 6 {
		return nil, r.throwType("fs.write: invalid arguments")
	}
	if args[2] != 0.0 || args[3] != float64(len(b)) || args[4] != null {
		return r.callback(args, r.enosys())
	}
	r.writeFD(r.toInteger(args[0]), b)
	return r.callback(args, null, float64(len(b)))
}

// writeFD writes to standard error (2) or standard output. Failures are not the program's business: it can do as
// little about them as a Worker can.
func (r *realm) writeFD(fd int, b []byte) {
	w := r.stdout
	if fd == 2 {
		w = r.stderr
	}
	_, _ = w.Write(b)
}

// refusalPrefix begins the message of every Error about something that the host does not support.
const refusalPrefix = "localrunner: "

// refusal is the data of an object that stands for something unsupported. Using it, or anything of it, throws an Error
// that names it.
type refusal struct{ name string }

func (d *refusal) getKey(r *realm, _ *object, key string) (value, bool) {
	switch key {
	case "then", "toString", "constructor", "prototype", "name", "length":
		return nil, false // what the host itself or a check for a type looks at
	}
	return r.refuse(d.name + "." + key), true
}

func (d *refusal) setKey(*realm, string, value) bool { return false }

func (d *refusal) err(r *realm) error {
	return r.throw("Error", "%s%s is not supported", refusalPrefix, d.name)
}

// refuse makes a stand-in for something that is not supported.
func (r *realm) refuse(name string) *object {
	d := &refusal{name}
	o := r.newFunction(name, func(r *realm, _ value, _ []value) (value, error) { return nil, d.err(r) })
	o.fn.construct = func(r *realm, _ []value) (*object, error) { return nil, d.err(r) }
	o.data = d
	return o
}

// refuseMethods adds methods that are known and not supported.
func (r *realm) refuseMethods(o *object, class string, names ...string) {
	for _, name := range names {
		o.props.add(property{key: name, val: r.refuse(class + "." + name), hidden: true})
	}
}

func (r *realm) installRefusals() {
	// Absent on purpose, because programs test for them and do without: AbortController, FixedLengthStream.
	for _, name := range []string{
		"Blob", "BroadcastChannel", "CompressionStream", "DecompressionStream", "EventSource", "FormData", "HTMLRewriter",
		"IdentityTransformStream", "JSON", "Map", "MessageChannel", "Proxy", "RegExp", "Set", "TextDecoder",
		"TextEncoder", "TransformStream", "URL", "URLSearchParams", "WebAssembly", "WebSocket", "WebSocketPair",
		"WritableStream", "caches", "structuredClone",
	} {
		r.define(name, r.refuse(name))
	}
	r.define("NaN", math.NaN())
	// net/http and syumai/workers expect a promise from fetch in any case.
	r.define("fetch", r.newFunction("fetch", func(r *realm, _ value, _ []value) (value, error) {
		return r.promiseOf(nil, r.throw("Error", "%sglobal fetch is not supported", refusalPrefix)), nil
	}))
}
