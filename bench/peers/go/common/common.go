// Package common is what the benchmark's programs in Go share: name=value arguments, the payloads, the measured window,
// the line of JSON. bench/c/common.c and bench/programs/common.mjs are the same thing.
package common

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Pool is how many payloads there are.
const Pool = 1000

// Args are the arguments; `conf.<property>` is librdkafka's.
var Args = map[string]string{}

// Fail ends the process when there is an error.
func Fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// Number is an argument that is a number.
func Number(name string) int {
	value, err := strconv.Atoi(Args[name])
	Fail(err)
	return value
}

// A Moment is a time and the CPU time that the process has used by then.
type Moment struct {
	at  time.Time
	cpu float64
}

// Now is the moment at which a window opens or closes.
func Now() Moment {
	var usage syscall.Rusage
	Fail(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	micros := func(t syscall.Timeval) float64 { return float64(t.Sec)*1e6 + float64(t.Usec) }
	return Moment{time.Now(), micros(usage.Utime) + micros(usage.Stime)}
}

func peakRss() int {
	status, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(status), "\n") {
		if strings.HasPrefix(line, "VmHWM:") {
			kib, _ := strconv.Atoi(strings.Fields(line)[1])
			return kib
		}
	}
	return 0
}

// PrintThroughput prints the result of a window.
func PrintThroughput(messages int, start, end Moment) {
	fmt.Printf("{\"messages\":%d,\"seconds\":%f,\"cpuMicros\":%.0f,\"rssKiB\":%d}\n", messages,
		end.at.Sub(start.at).Seconds(), end.cpu-start.cpu, peakRss())
}

func printLatency(micros []float64) {
	sort.Float64s(micros)
	fmt.Printf("{\"messages\":%d,\"p50\":%.1f,\"p99\":%.1f,\"rssKiB\":%d}\n", len(micros), micros[len(micros)/2],
		micros[len(micros)*99/100], peakRss())
}

// Payloads are the same bytes for every program.
func Payloads() (keys, values [][]byte) {
	size := Number("size")
	bytes, err := os.ReadFile(Args["payload"])
	Fail(err)
	for i := 0; i < Pool; i++ {
		keys = append(keys, []byte(fmt.Sprintf("k%07d", i)))
		values = append(values, bytes[i*size:(i+1)*size])
	}
	return
}

// Main runs the task that was asked for.
func Main(tasks map[string]func()) {
	for _, argument := range os.Args[2:] {
		name, value, _ := strings.Cut(argument, "=")
		Args[name] = value
	}
	task, known := tasks[os.Args[1]]
	if !known {
		Fail(fmt.Errorf("there is no task '%s'", os.Args[1]))
	}
	task()
}
