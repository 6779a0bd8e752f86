package actor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// LogLimits bounds a hub's event log. An event leaves it when any bound is passed, oldest first; the newest event
// always stays. The zero value of each field is its default.
type LogLimits struct {
	Count int           // events; default 1,000
	Bytes int           // bytes of event names and data; default 4 MiB
	Age   time.Duration // since publishing; default 24 h
}

// Defaults of [LogLimits].
const (
	DefaultLogCount = 1000
	DefaultLogBytes = 4 << 20
	DefaultLogAge   = 24 * time.Hour
)

func (l LogLimits) withDefaults() (LogLimits, error) {
	if l.Count < 0 || l.Bytes < 0 || l.Age < 0 {
		return l, errors.New("a limit of the log is negative")
	}
	setDefault(&l.Count, DefaultLogCount)
	setDefault(&l.Bytes, DefaultLogBytes)
	setDefault(&l.Age, DefaultLogAge)
	return l, nil
}

// eventLog is a hub's durable event log. Storage holds one entry per event under logPrefix and the sequence number in
// 16 hexadecimal digits, and the log's epoch under epochKey. Each entry carries the running total of bytes up to and
// including it, so that waking reads two entries whatever the log's length, and publishing costs one write, plus one
// read and one delete for each event that leaves.
type eventLog struct {
	limits LogLimits
	loaded bool
	epoch  string   // empty: nothing was ever published
	last   uint64   // the newest sequence number; 0: none
	first  uint64   // the oldest that is kept
	total  uint64   // bytes up to last
	before uint64   // bytes up to, and without, first
	oldest logEntry // the entry of first, without its text
}

const (
	logPrefix  = reserved + "log/"
	oncePrefix = reserved + "once/"
	epochKey   = reserved + "epoch"

	// trimSlice is how many events leave at most in one publish, so that a long idle log does not make one turn
	// slow. It is more than one so that the log shrinks after a lowered limit.
	trimSlice = 8
)

// load reads the log's bounds once per life of the hub's value.
func (l *eventLog) load(s Storage) error {
	if l.loaded {
		return nil
	}
	epoch, ok, err := s.Get(epochKey)
	if err != nil {
		return err
	}
	if ok {
		l.epoch = string(epoch)
		if err := l.loadEnd(s, true); err != nil {
			return err
		}
		if err := l.loadEnd(s, false); err != nil {
			return err
		}
	}
	l.loaded = true
	return nil
}

func (l *eventLog) loadEnd(s Storage, newest bool) error {
	var damaged error
	err := s.List(ListOptions{Prefix: logPrefix, Reverse: newest, Limit: 1}, func(key string, value []byte) bool {
		var seq uint64
		var e logEntry
		if seq, damaged = parseLogKey(key); damaged != nil {
			return false
		}
		if e, damaged = decodeLogEntry(value); damaged != nil {
			return false
		}
		if newest {
			l.last, l.total = seq, e.total
		} else {
			l.first, l.before = seq, e.total-e.size()
			l.oldest = e.head()
		}
		return false
	})
	return errors.Join(err, damaged)
}

// append gives e the next id, stores it, and lets old events leave. once, unless it is empty, is the publisher's key, by
// which find knows the event as long as the log has it.
//
// random is for a log's epoch.
func (l *eventLog) append(s Storage, now time.Time, random func([]byte), e *Event, once string) error {
	if err := l.load(s); err != nil {
		return err
	}
	if l.epoch == "" {
		l.epoch = newEpoch(now, random)
		l.first = 1
		if err := s.Put(epochKey, []byte(l.epoch)); err != nil {
			return err
		}
	}
	seq := l.last + 1
	entry := logEntry{at: now, once: once, name: e.Name, data: e.Data}
	entry.total = l.total + entry.size()
	if err := s.Put(logKey(seq), entry.encode()); err != nil {
		return err
	}
	if once != "" {
		if err := s.Put(oncePrefix+once, binary.LittleEndian.AppendUint64(nil, seq)); err != nil {
			return err
		}
	}
	if seq == 1 {
		l.oldest = entry.head()
	}
	l.last, l.total = seq, entry.total
	e.ID = l.id(seq)
	return l.trim(s, now)
}

// newEpoch returns an epoch: the time, so that the epochs of one hub increase, should its log begin anew because storage
// was lost, and 20 random bits, so that hubs that begin together do not share one.
func newEpoch(now time.Time, random func([]byte)) string {
	var b [4]byte
	random(b[:])
	return strconv.FormatInt(now.UnixMilli()<<20|int64(binary.LittleEndian.Uint32(b[:])>>12), 36)
}

// trim lets events leave that are past a bound.
func (l *eventLog) trim(s Storage, now time.Time) error {
	for n := 0; l.first < l.last && (l.overBytes() || n < trimSlice && l.full(now)); n++ {
		if _, err := s.Delete(logKey(l.first)); err != nil {
			return err
		}
		if err := l.forgetOnce(s, l.oldest.once); err != nil {
			return err
		}
		l.first++
		l.before = l.oldest.total
		oldest, err := l.get(s, l.first)
		if err != nil {
			return err
		}
		l.oldest = oldest.head()
	}
	return nil
}

// forgetOnce removes the key of the oldest event, unless an event has it that was published when the oldest was too old
// already.
func (l *eventLog) forgetOnce(s Storage, once string) error {
	if once == "" {
		return nil
	}
	seq, err := l.findSeq(s, once)
	if err != nil || seq != l.first {
		return err
	}
	_, err = s.Delete(oncePrefix + once)
	return err
}

func (l *eventLog) full(now time.Time) bool {
	return l.last-l.first+1 > uint64(l.limits.Count) ||
		l.overBytes() ||
		l.expired(l.oldest, now)
}

func (l *eventLog) overBytes() bool { return l.total-l.before > uint64(l.limits.Bytes) }

// expired reports whether e is too old to be kept. It may still be there: events leave when others come.
func (l *eventLog) expired(e logEntry, now time.Time) bool { return now.Sub(e.at) > l.limits.Age }

// get returns one event, which must be in the log.
func (l *eventLog) get(s Storage, seq uint64) (logEntry, error) {
	value, ok, err := s.Get(logKey(seq))
	if err != nil {
		return logEntry{}, err
	}
	if !ok {
		return logEntry{}, fmt.Errorf("%w: event %d of the log is missing", ErrStorage, seq)
	}
	return decodeLogEntry(value)
}

// find returns the id of the event that was appended with the key once, or "" when the log does not have it, or only
// because nothing was published since it became too old.
func (l *eventLog) find(s Storage, now time.Time, once string) (id string, err error) {
	if err := l.load(s); err != nil {
		return "", err
	}
	seq, err := l.findSeq(s, once)
	if err != nil || seq == 0 {
		return "", err
	}
	e, err := l.get(s, seq)
	if err != nil || l.expired(e, now) {
		return "", err
	}
	return l.id(seq), nil
}

// findSeq returns the number of the event that has the key, or 0.
func (l *eventLog) findSeq(s Storage, once string) (uint64, error) {
	value, ok, err := s.Get(oncePrefix + once)
	if err != nil || !ok {
		return 0, err
	}
	if len(value) != 8 {
		return 0, fmt.Errorf("%w: the record of key %q is damaged", ErrStorage, once)
	}
	return binary.LittleEndian.Uint64(value), nil
}

// read calls yield for the events from seq on, at most limit of them, until it returns false.
func (l *eventLog) read(s Storage, seq uint64, limit int, yield func(seq uint64, e logEntry) bool) error {
	var damaged error
	err := s.List(ListOptions{Prefix: logPrefix, Start: logKey(seq), Limit: limit}, func(key string, value []byte) bool {
		var at uint64
		var e logEntry
		if at, damaged = parseLogKey(key); damaged != nil {
			return false
		}
		if e, damaged = decodeLogEntry(value); damaged != nil {
			return false
		}
		return yield(at, e)
	})
	return errors.Join(err, damaged)
}

// lastID returns the id of the newest event, or "" when nothing was ever published.
func (l *eventLog) lastID() string {
	if l.last == 0 {
		return ""
	}
	return l.id(l.last)
}

func (l *eventLog) id(seq uint64) string { return l.epoch + "-" + strconv.FormatUint(seq, 10) }

func logKey(seq uint64) string { return fmt.Sprintf("%s%016x", logPrefix, seq) }

func parseLogKey(key string) (uint64, error) {
	seq, err := strconv.ParseUint(strings.TrimPrefix(key, logPrefix), 16, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %q is not a key of the log", ErrStorage, key)
	}
	return seq, nil
}

// logEntry is one stored event.
type logEntry struct {
	at         time.Time
	total      uint64
	once       string
	name, data string
}

func (e logEntry) size() uint64 { return uint64(len(e.name) + len(e.data)) }

// head returns e without its text.
func (e logEntry) head() logEntry {
	e.name, e.data = "", ""
	return e
}

// encode writes a version, the time in Unix milliseconds, the total, the lengths of key and name, the key, the name and
// the data; integers are little-endian.
func (e logEntry) encode() []byte {
	b := make([]byte, 0, logEntryHead+len(e.once)+len(e.name)+len(e.data))
	b = append(b, logEntryVersion)
	b = binary.LittleEndian.AppendUint64(b, uint64(e.at.UnixMilli()))
	b = binary.LittleEndian.AppendUint64(b, e.total)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(e.once)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(e.name)))
	b = append(b, e.once...)
	b = append(b, e.name...)
	return append(b, e.data...)
}

const (
	logEntryVersion = 1
	logEntryHead    = 1 + 8 + 8 + 4 + 4
)

func decodeLogEntry(b []byte) (logEntry, error) {
	if len(b) < logEntryHead || b[0] != logEntryVersion {
		return logEntry{}, fmt.Errorf("%w: an event of the log is not of version %d", ErrStorage, logEntryVersion)
	}
	e := logEntry{
		at:    time.UnixMilli(int64(binary.LittleEndian.Uint64(b[1:]))),
		total: binary.LittleEndian.Uint64(b[9:]),
	}
	onceLen, nameLen := uint64(binary.LittleEndian.Uint32(b[17:])), uint64(binary.LittleEndian.Uint32(b[21:]))
	text := b[logEntryHead:]
	if onceLen+nameLen > uint64(len(text)) {
		return logEntry{}, fmt.Errorf("%w: an event of the log is cut off", ErrStorage)
	}
	e.once = string(text[:onceLen])
	e.name = string(text[onceLen : onceLen+nameLen])
	e.data = string(text[onceLen+nameLen:])
	if e.total < e.size() {
		return logEntry{}, fmt.Errorf("%w: an event of the log has a wrong total", ErrStorage)
	}
	return e, nil
}
