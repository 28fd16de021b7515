// Vault's CLI, kept running for the live tests: ../client hands it what a caller has. Its own code does each command, one at a time.
package main

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/hashicorp/vault/command"
	homedir "github.com/mitchellh/go-homedir"
)

// Environment, folder and standard streams are the process's.
var one sync.Mutex

// As it was started: packages of Vault set variables of their own before main.
var started = environment()

func environment() []string {
	text, err := os.ReadFile("/proc/self/environ")
	if err != nil {
		panic(err)
	}
	return strings.Split(strings.TrimRight(string(text), "\x00"), "\x00")
}

func main() {
	homedir.DisableCache = true
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: os.Args[1], Net: "unix"})
	if err != nil {
		panic(err)
	}
	for {
		conn, err := listener.AcceptUnix()
		if err != nil {
			panic(err)
		}
		go serve(conn)
	}
}

func serve(conn *net.UnixConn) {
	defer conn.Close()
	if !one.TryLock() {
		conn.Write([]byte{'b'})
		return
	}
	defer one.Unlock()
	if _, err := conn.Write([]byte{'r'}); err != nil {
		return
	}
	words, files, err := receive(conn)
	for _, file := range files {
		defer file.Close()
	}
	if err != nil || len(files) != 3 {
		return
	}
	count, err := strconv.Atoi(words[1])
	if err != nil {
		return
	}
	if special(words[2+count:]) != special(started) {
		conn.Write([]byte{'x', 0})
		return
	}
	os.Clearenv()
	for _, variable := range words[2+count:] {
		name, value, _ := strings.Cut(variable, "=")
		os.Setenv(name, value)
	}
	if err := os.Chdir(words[0]); err != nil {
		return
	}
	os.Stdin, os.Stdout, os.Stderr = files[0], files[1], files[2]
	conn.Write([]byte{'d', byte(command.Run(words[2 : 2+count]))})
}

// special gives the variables that Go reads once in a process: who has others of them needs a process of its own.
func special(env []string) string {
	var found []string
	for _, variable := range env {
		name, _, _ := strings.Cut(strings.ToUpper(variable), "=")
		if strings.HasSuffix(name, "_PROXY") || strings.HasPrefix(name, "SSL_CERT_") || name == "GODEBUG" {
			found = append(found, variable)
		}
	}
	sort.Strings(found)
	return strings.Join(found, "\x00")
}

// receive reads a length, a text of so many bytes, and the files that come with it.
func receive(conn *net.UnixConn) ([]string, []*os.File, error) {
	buffer, oob := make([]byte, 1<<16), make([]byte, 256)
	n, oobn, _, _, err := conn.ReadMsgUnix(buffer, oob)
	if err != nil {
		return nil, nil, err
	}
	var files []*os.File
	messages, err := syscall.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return nil, nil, err
	}
	for _, message := range messages {
		fds, err := syscall.ParseUnixRights(&message)
		if err != nil {
			return nil, nil, err
		}
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "caller"))
		}
	}
	if n < 4 {
		return nil, files, io.ErrUnexpectedEOF
	}
	text := make([]byte, binary.BigEndian.Uint32(buffer[:4]))
	if _, err := io.ReadFull(conn, text[copy(text, buffer[4:n]):]); err != nil {
		return nil, files, err
	}
	return strings.Split(string(text), "\x00"), files, nil
}
