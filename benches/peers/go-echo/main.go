// Command go-echo is the target of `make bench`: it echoes at once, counts by itself, and is fast
// enough that the load generator is what is measured. Frames that arrive together are answered with
// one write. It prints {"port": N}, and at SIGTERM what it counted.
package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"github.com/gobwas/ws"
)

var opened, closed, open, maxOpen, messagesIn, messagesOut atomic.Int64

// largest bounds a message, and with it the memory of a connection.
const largest = 1 << 20

func serve(conn net.Conn) {
	defer conn.Close()
	if _, err := ws.Upgrade(conn); err != nil {
		return
	}
	opened.Add(1)
	now := open.Add(1)
	for most := maxOpen.Load(); now > most && !maxOpen.CompareAndSwap(most, now); most = maxOpen.Load() {
	}
	defer func() {
		open.Add(-1)
		closed.Add(1)
	}()

	reader := bufio.NewReaderSize(conn, 2048)
	writer := bufio.NewWriterSize(conn, 2048)
	payload := make([]byte, 0, 128)
	for {
		if reader.Buffered() == 0 && writer.Flush() != nil {
			return
		}
		header, err := ws.ReadHeader(reader)
		if err != nil || header.Length > largest {
			return
		}
		if int64(cap(payload)) < header.Length {
			payload = make([]byte, header.Length)
		}
		payload = payload[:header.Length]
		if _, err := io.ReadFull(reader, payload); err != nil {
			return
		}
		ws.Cipher(payload, header.Mask, 0)
		header.Masked = false
		header.Mask = [4]byte{}
		switch header.OpCode {
		case ws.OpPong:
			continue
		case ws.OpPing:
			header.OpCode = ws.OpPong
		case ws.OpText, ws.OpBinary, ws.OpContinuation:
			if header.Fin {
				messagesIn.Add(1)
				messagesOut.Add(1)
			}
		}
		if ws.WriteHeader(writer, header) != nil {
			return
		}
		if _, err := writer.Write(payload); err != nil {
			return
		}
		if header.OpCode == ws.OpClose {
			writer.Flush()
			return
		}
	}
}

func main() {
	address := "127.0.0.1:0"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		panic(err)
	}
	output := json.NewEncoder(os.Stdout)
	output.Encode(map[string]int{"port": listener.Addr().(*net.TCPAddr).Port})
	go func() {
		for {
			if conn, err := listener.Accept(); err == nil {
				go serve(conn)
			}
		}
	}()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
	output.Encode(map[string]int64{
		"opened": opened.Load(), "closed": closed.Load(), "max_open": maxOpen.Load(),
		"messages_in": messagesIn.Load(), "messages_out": messagesOut.Load(),
	})
}
