package gojs

import "syscall"

func init() {
	platformPages = &pages{
		reserve: func(size int) ([]byte, error) {
			return syscall.Mmap(-1, 0, size, syscall.PROT_NONE,
				syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_NORESERVE)
		},
		commit: func(mem []byte) error {
			return syscall.Mprotect(mem, syscall.PROT_READ|syscall.PROT_WRITE)
		},
		release: syscall.Munmap,
	}
}
