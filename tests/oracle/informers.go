package main

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/informers/core"
	"k8s.io/client-go/informers/internalinterfaces"
	"k8s.io/client-go/informers/resource"
	"k8s.io/client-go/informers/storage"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// stillFactory hands out informers that are filled by hand: adding an object tells every handler
// before add returns. So a cluster is complete at a known moment, without goroutines or waiting.
type stillFactory struct {
	informers.SharedInformerFactory
	client kubernetes.Interface
	made   map[reflect.Type]*stillInformer
}

func newStillFactory(client kubernetes.Interface) *stillFactory {
	return &stillFactory{
		SharedInformerFactory: informers.NewSharedInformerFactory(client, 0),
		client:                client,
		made:                  map[reflect.Type]*stillInformer{},
	}
}

func (f *stillFactory) InformerFor(
	kind runtime.Object, build internalinterfaces.NewInformerFunc,
) cache.SharedIndexInformer {
	key := reflect.TypeOf(kind)
	if f.made[key] == nil {
		f.made[key] = &stillInformer{SharedIndexInformer: build(f.client, 0)}
	}
	return f.made[key]
}

func (f *stillFactory) Core() core.Interface         { return core.New(f, "", nil) }
func (f *stillFactory) Storage() storage.Interface   { return storage.New(f, "", nil) }
func (f *stillFactory) Resource() resource.Interface { return resource.New(f, "", nil) }

// add stores an object and tells the handlers; kinds that no plugin asked for are dropped.
func (f *stillFactory) add(object runtime.Object) error {
	informer := f.made[reflect.TypeOf(object)]
	if informer == nil {
		return nil
	}
	if err := informer.GetIndexer().Add(object); err != nil {
		return fmt.Errorf("cannot index %T: %w", object, err)
	}
	for _, handler := range informer.handlers {
		handler.OnAdd(object, true)
	}
	return nil
}

type stillInformer struct {
	cache.SharedIndexInformer
	handlers []cache.ResourceEventHandler
}

type synced struct {
	cache.ResourceEventHandlerRegistration
}

func (synced) HasSynced() bool { return true }

func (s *stillInformer) HasSynced() bool                 { return true }
func (s *stillInformer) Run(<-chan struct{})             {}
func (s *stillInformer) RunWithContext(context.Context)  {}
func (s *stillInformer) GetStore() cache.Store           { return s.GetIndexer() }
func (s *stillInformer) LastSyncResourceVersion() string { return "" }

func (s *stillInformer) AddEventHandler(
	handler cache.ResourceEventHandler,
) (cache.ResourceEventHandlerRegistration, error) {
	s.handlers = append(s.handlers, handler)
	return synced{}, nil
}

func (s *stillInformer) AddEventHandlerWithResyncPeriod(
	handler cache.ResourceEventHandler, _ time.Duration,
) (cache.ResourceEventHandlerRegistration, error) {
	return s.AddEventHandler(handler)
}
