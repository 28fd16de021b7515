// The `vault` and the `kubectl` that the live tests have in their PATH. A start of either takes 60 ms of processor time, nearly all of it before
// main, and the tests start them some ten thousand times. So this asks a process that has started already, ../commands or ../../kubectl, and
// hands it its arguments, its environment, its folder and its standard streams. Where that one is busy, or the command is none of those that it
// does, this becomes the program itself.
package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	self, err := os.Executable()
	if err != nil {
		fail(err)
	}
	folder := filepath.Dir(self)
	if code, done := ask(filepath.Join(folder, "socket")); done {
		os.Exit(code)
	}
	fail(syscall.Exec(filepath.Join(folder, "program"), os.Args, os.Environ()))
}

// ask gives the exit code; not done, where nothing was begun.
func ask(socket string) (int, bool) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, false
	}
	if err := syscall.Connect(fd, &syscall.SockaddrUnix{Name: socket}); err != nil {
		syscall.Close(fd)
		return 0, false
	}
	// whether it is free.
	answer := make([]byte, 2)
	if n, _ := syscall.Read(fd, answer[:1]); n != 1 || answer[0] != 'r' {
		syscall.Close(fd)
		return 0, false
	}
	cwd, err := os.Getwd()
	if err != nil {
		fail(err)
	}
	words := append([]string{cwd, strconv.Itoa(len(os.Args) - 1)}, os.Args[1:]...)
	text := []byte(strings.Join(append(words, os.Environ()...), "\x00"))
	message := append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
	n, err := syscall.SendmsgN(fd, message, syscall.UnixRights(0, 1, 2), nil, 0)
	for err == nil && n < len(message) {
		message = message[n:]
		n, err = syscall.Write(fd, message)
	}
	if err != nil {
		fail(err)
	}
	for {
		n, err := syscall.Read(fd, answer)
		if err == syscall.EINTR {
			continue
		}
		if n != len(answer) {
			os.Stderr.WriteString("the process that does the commands has ended\n")
			return 125, true
		}
		return int(answer[1]), answer[0] == 'd'
	}
}

func fail(err error) {
	os.Stderr.WriteString(err.Error() + "\n")
	os.Exit(125)
}
