// Package azure stands in for Entra ID, and for the check of identities in front of Azure Blob Storage.
//
// Entra ID is as strict here as there about who gets a token: a federated token's signature, issuer, subject, audience and lifetime;
// a client secret; a client assertion's certificate, signature, audience and lifetime. The token that it gives is signed,
// and Blob Storage takes no other: it checks signature, audience, lifetime and the application's role on the account or
// container, then leaves the rest to Azurite, which checks account keys and shared access signatures itself.
//
// TokenProxy is that of AKS identity bindings: it must be asked by its own name in TLS, takes service account tokens for its own
// audience alone, and knows which subject may use which managed identity. No AKS cluster was seen: what it checks is what
// learn.microsoft.com/azure/aks/identity-bindings and the SDKs say of it, and its refusals are of our making.
//
// What it does not do: users, consent, conditional access, managed identities' resource IDs, roles narrower than a container,
// continuous access evaluation. A wrong account key is answered by Azurite, with 400 where Azure has 403. Error codes and texts are those seen of the real service, without its trace of the tenant.
package azure
