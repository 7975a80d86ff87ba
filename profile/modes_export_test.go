package profile

import (
	"fmt"
	"strings"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// ModeOfStore is an auth mode of a store.
type ModeOfStore struct {
	Store, Name string

	store *Store
	mode  *Mode
}

// AuthModes returns all auth modes of all stores.
func AuthModes() []ModeOfStore {
	var modes []ModeOfStore
	for i := range stores {
		for j := range stores[i].modes {
			s, m := &stores[i], &stores[i].modes[j]
			modes = append(modes, ModeOfStore{Store: s.Name, Name: m.Name, store: s, mode: m})
		}
	}
	return modes
}

// IsSet reports whether a spec has the store and the mode.
func (m ModeOfStore) IsSet(spec *v1alpha1.CredentialProfileSpec) bool {
	return m.store.isSet(spec) && m.mode.isSet(spec)
}

// Tools returns the lines that the mode's page has on the tools that can use it.
func (m ModeOfStore) Tools() string {
	var can, cannot []string
	for _, d := range dialects {
		link := fmt.Sprintf("[%[1]s](../tools.md#%[1]s)", d.name)
		switch cell := d.cellsFor(m.store).modes[m.Name]; {
		case cell.unsupportedReason != "":
			cannot = append(cannot, link)
		case cell.note != "":
			can = append(can, link+" ("+escape(cell.note)+")")
		default:
			can = append(can, link)
		}
	}
	text := "Of the tools with variables of their own, these can use it: " + strings.Join(can, ", ") + ".\n"
	if len(cannot) > 0 {
		text += "\nNot: " + strings.Join(cannot, ", ") + ". The links say why, and what to use instead.\n"
	}
	if m.store == &stores[0] && m.mode.configFile != nil {
		text += "\n" + m.chainTools()
	}
	return text
}

// chainTools returns the lines on the tools that can act as a role that another assumes.
func (m ModeOfStore) chainTools() string {
	var can, cannot []string
	for _, d := range dialects {
		switch cell := d.cellsFor(m.store).modes[m.Name]; {
		case cell.unsupportedReason != "":
		case cell.chain.unsupportedReason != "":
			cannot = append(cannot, string(d.name))
		default:
			can = append(can, string(d.name))
		}
	}
	return "With `assumeRole`: " + strings.Join(can, ", ") + ". Not: " + strings.Join(cannot, ", ") + ".\n"
}
