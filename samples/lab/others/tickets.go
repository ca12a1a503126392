// tickets sells seats: four ways to stand still, one that does not. The first argument says which, the second the port, the third that of pprof.
package main

import (
	"fmt"
	"io"
	"net/http"
	_ "net/http/pprof"
	"os"
	"sync"
	"time"
)

var (
	orders  = make(chan string)
	turns   = make(chan struct{}, 6)
	seats   sync.Mutex
	journal sync.Mutex
)

// print takes three orders and ends: nobody receives from the channel afterwards.
func printer() {
	for printed := 0; printed < 3; printed++ {
		<-orders
	}
}

func sell(w http.ResponseWriter, r *http.Request) {
	orders <- r.URL.Path
	fmt.Fprintln(w, "sold")
}

// inTurn lets six requests in at once.
func inTurn(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		turns <- struct{}{}
		defer func() { <-turns }()
		next(w, r)
	}
}

func fee(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintln(w, "3.50")
}

// offer asks this server for the fee, and takes a second turn by it.
func offer(w http.ResponseWriter, r *http.Request) {
	time.Sleep(50 * time.Millisecond)
	answer, err := http.Get("http://127.0.0.1:" + os.Args[2] + "/fee")
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	io.Copy(w, answer.Body)
}

func reserve(w http.ResponseWriter, r *http.Request) {
	seats.Lock()
	defer seats.Unlock()
	time.Sleep(20 * time.Millisecond)
	journal.Lock()
	defer journal.Unlock()
	fmt.Fprintln(w, "reserved")
}

func cancel(w http.ResponseWriter, r *http.Request) {
	journal.Lock()
	defer journal.Unlock()
	time.Sleep(20 * time.Millisecond)
	seats.Lock()
	defer seats.Unlock()
	fmt.Fprintln(w, "cancelled")
}

// board lists the seats. free asks for the read lock that it holds once more, which a writer that waits in between does not allow.
type board struct {
	lock  sync.RWMutex
	seats map[string]bool
}

func (b *board) count() int {
	b.lock.RLock()
	defer b.lock.RUnlock()
	return len(b.seats)
}

func (b *board) free(w http.ResponseWriter, r *http.Request) {
	b.lock.RLock()
	defer b.lock.RUnlock()
	time.Sleep(20 * time.Millisecond)
	fmt.Fprintln(w, 400-b.count())
}

func (b *board) book(w http.ResponseWriter, r *http.Request) {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.seats[r.RemoteAddr] = true
	fmt.Fprintln(w, "booked")
}

func main() {
	switch os.Args[1] {
	case "receiver":
		go printer()
		http.HandleFunc("/sell", sell)
	case "turns":
		http.HandleFunc("/fee", inTurn(fee))
		http.HandleFunc("/offer", inTurn(offer))
	case "order":
		http.HandleFunc("/reserve", reserve)
		http.HandleFunc("/cancel", cancel)
	case "reread":
		hall := &board{seats: map[string]bool{}}
		http.HandleFunc("/free", hall.free)
		http.HandleFunc("/book", hall.book)
	case "well":
		http.HandleFunc("/fee", fee)
	}
	go http.ListenAndServe("127.0.0.1:"+os.Args[3], nil)
	http.ListenAndServe(":"+os.Args[2], nil)
}
