package peers

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// userHZ is the unit of times in /proc: a hundredth of a second, whatever the kernel itself counts in.
const userHZ = 100

// ErrProcfs: what a process uses is not told in the way that Linux does.
var ErrProcfs = errors.New("peers: /proc does not tell")

// CPU is the processor time that a process has used, in user and system, to a hundredth of a second.
func CPU(pid int) (time.Duration, error) {
	stat, err := procfs(pid, "stat")
	if err != nil {
		return 0, err
	}
	return parseStat(stat)
}

// RSS is the resident memory of a process in bytes.
func RSS(pid int) (int64, error) {
	status, err := procfs(pid, "status")
	if err != nil {
		return 0, err
	}
	return parseStatus(status)
}

func procfs(pid int, file string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), file))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProcfs, err)
	}
	return b, nil
}

// parseStat reads fields 14 and 15 of proc_pid_stat(5).
func parseStat(stat []byte) (time.Duration, error) {
	// The second field is the command's name in parentheses, and may have any byte in it.
	end := bytes.LastIndexByte(stat, ')')
	fields := bytes.Fields(stat[end+1:])
	if end < 0 || len(fields) < 13 {
		return 0, fmt.Errorf("%w: stat is %.100q", ErrProcfs, stat)
	}
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", ErrProcfs, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / userHZ), nil
}

// parseStatus reads VmRSS of proc_pid_status(5).
func parseStatus(status []byte) (int64, error) {
	_, rest, _ := bytes.Cut(status, []byte("\nVmRSS:"))
	fields := bytes.Fields(rest)
	if len(fields) < 2 || string(fields[1]) != "kB" {
		return 0, fmt.Errorf("%w: there is no VmRSS", ErrProcfs)
	}
	kib, err := strconv.ParseInt(string(fields[0]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrProcfs, err)
	}
	return kib << 10, nil
}
