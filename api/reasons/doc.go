// Package reasons explains the vocabulary of reasons: what each word of api/v1alpha1/conditions.go means, what it says about
// Ready, and what to do about it. The page docs/reasons.md is written from it and the command line answers with it.
//
// It is a pure table: no client, clock or logger. Start reading at [Find].
package reasons
