// Command go-echo is the target of `make bench`: it echoes at once, counts by itself, and is fast
// enough that the load generator is what is measured. Frames that arrive together are answered with
// one write. It prints {"port": N}, and at SIGTERM what it counted.
//
// With -certificate and -key it speaks TLS 1.3 and gives out no session tickets, so that every
// handshake is a full one.
package main

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"flag"
	"io"
	"net"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"github.com/gobwas/ws"
)

var opened, closed, open, maxOpen, messagesIn, messagesOut, handshakes, resumed atomic.Int64

// largest bounds a message, and with it the memory of a connection.
const largest = 1 << 20

// secured returns the connection once its handshake is done, or the connection itself without TLS.
func secured(conn net.Conn, config *tls.Config) (net.Conn, error) {
	if config == nil {
		return conn, nil
	}
	server := tls.Server(conn, config)
	if err := server.Handshake(); err != nil {
		return nil, err
	}
	handshakes.Add(1)
	if server.ConnectionState().DidResume {
		resumed.Add(1)
	}
	return server, nil
}

func serve(plain net.Conn, config *tls.Config) {
	defer plain.Close()
	conn, err := secured(plain, config)
	if err != nil {
		return
	}
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
	certificate := flag.String("certificate", "", "PEM file; speaks TLS")
	key := flag.String("key", "", "PEM file")
	flag.Parse()
	var config *tls.Config
	if *certificate != "" {
		pair, err := tls.LoadX509KeyPair(*certificate, *key)
		if err != nil {
			panic(err)
		}
		config = &tls.Config{
			Certificates:           []tls.Certificate{pair},
			MinVersion:             tls.VersionTLS13,
			SessionTicketsDisabled: true,
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	output := json.NewEncoder(os.Stdout)
	output.Encode(map[string]int{"port": listener.Addr().(*net.TCPAddr).Port})
	go func() {
		for {
			if conn, err := listener.Accept(); err == nil {
				go serve(conn, config)
			}
		}
	}()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
	output.Encode(map[string]int64{
		"opened": opened.Load(), "closed": closed.Load(), "max_open": maxOpen.Load(),
		"messages_in": messagesIn.Load(), "messages_out": messagesOut.Load(),
		"handshakes": handshakes.Load(), "resumed": resumed.Load(),
	})
}
