package main

import (
	"fmt"
	"syscall"
	"unsafe"
)

func init() { attacks["tagged"] = tagged }

// tagged makes memory executable by an address with a tag in its top byte, which
// an arm64 kernel takes off.
func tagged([]string) error {
	const size = 4096
	b, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return err
	}
	if _, _, e := syscall.Syscall(syscall.SYS_MPROTECT, uintptr(unsafe.Pointer(&b[0]))|0xb<<56, size, syscall.PROT_READ|syscall.PROT_EXEC); e != 0 {
		return e
	}
	fmt.Println("worked tagged")
	return nil
}
