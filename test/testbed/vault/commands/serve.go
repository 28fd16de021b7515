package main

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
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

// serve does what callers ask for by run, one command at a time. Where it is not `kept`, the program itself is started.
func serve(socket string, kept func(args, env []string) bool, run func([]string) int) {
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		panic(err)
	}
	for {
		conn, err := listener.AcceptUnix()
		if err != nil {
			panic(err)
		}
		go answer(conn, kept, run)
	}
}

// answer says `b` to a caller that comes while another one is served, `x` where the program itself is to be started, and else the exit code.
func answer(conn *net.UnixConn, kept func(args, env []string) bool, run func([]string) int) {
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
	args, env := words[2:2+count], words[2+count:]
	if !kept(args, env) || special(env) != special(started) || hasOpenFile(words) {
		conn.Write([]byte{'x', 0})
		return
	}
	os.Clearenv()
	for _, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		os.Setenv(name, value)
	}
	if err := os.Chdir(words[0]); err != nil {
		return
	}
	os.Stdin, os.Stdout, os.Stderr = files[0], files[1], files[2]
	conn.Write([]byte{'d', byte(run(args))})
}

// hasOpenFile tells whether a word names a file that only the caller has open, as `<(…)` of Bash does.
func hasOpenFile(words []string) bool {
	return slices.ContainsFunc(words, func(word string) bool {
		return strings.Contains(word, "/dev/fd/") || strings.Contains(word, "/dev/stdin") || strings.Contains(word, "/proc/self/")
	})
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
