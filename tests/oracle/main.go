// The oracle asks kube-scheduler's own filter plugins which nodes take a pod.
//
// It reads one case a line from stdin, {"id", "cluster": a kubectl List, "pods": [candidates]}, and
// answers each with one line, {"id", "answers": [...]} or {"id", "error"}. No process, no API server.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"

	"k8s.io/klog/v2"
)

type reply struct {
	ID      any      `json:"id"`
	Answers []answer `json:"answers,omitempty"`
	Error   string   `json:"error,omitempty"`
}

// answer says what happens to one candidate. Rejected holds the first plugin that refuses a node.
type answer struct {
	Pod      string             `json:"pod"`
	Invalid  []string           `json:"invalid,omitempty"`
	Gates    []string           `json:"gates,omitempty"`
	Whole    *refusal           `json:"whole,omitempty"`
	Nodes    []string           `json:"nodes"`
	Rejected map[string]refusal `json:"rejected"`
	Preempt  []string           `json:"preempt"`
}

// refusal is a plugin's status: its code is Unschedulable when removing pods could help.
type refusal struct {
	Plugin  string   `json:"plugin"`
	Code    string   `json:"code"`
	Reasons []string `json:"reasons"`
}

func main() {
	quiet := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(quiet)
	_ = quiet.Set("logtostderr", "false")
	_ = quiet.Set("stderrthreshold", "FATAL")
	klog.SetOutput(nowhere{})
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 1 {
			if failed := out.Encode(judged(line)); failed != nil {
				fmt.Fprintln(os.Stderr, failed)
				os.Exit(1)
			}
		}
		if err != nil {
			return
		}
	}
}

type nowhere struct{}

func (nowhere) Write(text []byte) (int, error) { return len(text), nil }

func judged(line []byte) (said reply) {
	var asked question
	defer func() {
		if trouble := recover(); trouble != nil {
			said = reply{ID: asked.ID, Error: fmt.Sprintf("panic: %v", trouble)}
		}
	}()
	if err := json.Unmarshal(line, &asked); err != nil {
		return reply{Error: err.Error()}
	}
	answers, err := answersTo(asked)
	if err != nil {
		return reply{ID: asked.ID, Error: err.Error()}
	}
	return reply{ID: asked.ID, Answers: answers}
}

func answersTo(asked question) ([]answer, error) {
	ctx, done := context.WithCancel(context.Background())
	defer done()
	worlds := map[string]*world{}
	var answers []answer
	for index, raw := range asked.Pods {
		pod, faults, err := born(raw, index)
		if err != nil {
			return nil, err
		}
		name := pod.Spec.SchedulerName
		if worlds[name] == nil {
			if worlds[name], err = newWorld(ctx, name, asked.Cluster.Items); err != nil {
				return nil, err
			}
		}
		said, err := worlds[name].judge(ctx, pod)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", pod.Name, err)
		}
		said.Invalid = faults
		answers = append(answers, said)
	}
	return answers, nil
}
