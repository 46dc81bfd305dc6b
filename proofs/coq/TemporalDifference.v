(* Temporal differences by linear self-attention, with the matrices that Wang et al. 2024 print:
   Z + 1/n P Z M (Z^T Q Z) on rows phi, gamma phi' and r; tokens are rows here, and only the last
   row of Z, "y", is written. Every layer has a matrix C of its own. *)
Require Import Prelude Matrices Layer.

Section TemporalDifference.
Variables (F : fieldType) (relu : F -> F) (n m d : nat).
Implicit Types (all : tokens F d 0 n m) (C : 'M[F]_d) (Cs : seq 'M[F]_d).

Definition from slot C : block F d Vector := Block slot 1 (Apply C) "phi".
Definition from_next slot C : block F d Vector := Block slot 1 (Apply C) "next".
Definition keeps (names : seq string) :=
  SlotMap [::] (map (fun name => move name 1 name : block F d Vector) names) [::] [::].
Definition last_row := SlotMap [:: move "y" 1 "y" : block F d Scalar] [::] [::] [::].

(* Q = [[-C^T, C^T, 0], [0, 0, 0], [0, 0, 0]] *)
Definition td0_layer C := Layer [:: Head
  (SlotMap [::] [:: from "phi" (- C^T); from_next "phi" C^T] [::] [::])
  (keeps [:: "phi"]) last_row Linear Context true] None.

(* Q = [[-C^T, C^T, 0], [C^T, -C^T, 0], [0, 0, 0]] *)
Definition residual_layer C := Layer [:: Head
  (SlotMap [::] [:: from "phi" (- C^T); from_next "phi" C^T; from "next" C^T; from_next "next" (- C^T)]
     [::] [::])
  (keeps [:: "phi"; "next"]) last_row Linear Context true] None.

Variables (A N : 'M[F]_(n, d)) (r : 'cV[F]_n) (Q : 'M[F]_(m, d)).

(* The temporal differences r_i + gamma w^T phi'_i - w^T phi_i, N having the rows gamma phi'_i. *)
Definition differences w := r + N *m w - A *m w.
Definition td0 w C := w + n%:R^-1 *: (C *m (A^T *m differences w)).
Definition residual_gradient w C := w + n%:R^-1 *: (C *m ((A - N)^T *m differences w)).

(* What tokens hold: the query's y is minus its value. *)
Definition holds all w :=
  [/\ context all Vector "phi" = A, context all Vector "next" = N
    & context all Scalar "y" = differences w]
  /\ [/\ queries all Vector "phi" = Q, queries all Vector "next" = 0
       & queries all Scalar "y" = - (Q *m w)].

Lemma td0_step C all w : holds all w -> holds (apply_layer relu n (td0_layer C) all) (td0 w C).
Proof.
case: all => c q [] [/= cp cn cy] [qp qn qy].
rewrite /holds /td0 /td0_layer /keeps /last_row /from /from_next.
by do 2!split; execute; rewrite ?cp ?cn ?cy ?qp ?qn ?qy // /differences;
  linear_combination; ring.
Qed.

Lemma residual_step C all w :
  holds all w -> holds (apply_layer relu n (residual_layer C) all) (residual_gradient w C).
Proof.
case: all => c q [] [/= cp cn cy] [qp qn qy].
rewrite /holds /residual_gradient /residual_layer /keeps /last_row /from /from_next.
by do 2!split; execute; rewrite ?cp ?cn ?cy ?qp ?qn ?qy // /differences;
  linear_combination; ring.
Qed.

Lemma folded layer step :
  (forall C all w, holds all w -> holds (apply_layer relu n (layer C) all) (step w C)) ->
  forall Cs all w, holds all w -> holds (run relu n (map layer Cs) all) (foldl step w Cs).
Proof. by move=> one; elim=> [|C Cs IH] all w start //=; apply: IH; exact: one. Qed.

Lemma starts all :
  [/\ context all Vector "phi" = A, context all Vector "next" = N & context all Scalar "y" = r] ->
  [/\ queries all Vector "phi" = Q, queries all Vector "next" = 0 & queries all Scalar "y" = 0] ->
  holds all 0.
Proof.
by case=> cp cn cy [qp qn qy]; rewrite /holds /differences !mulmx0 !oppr0 !addr0.
Qed.

(* As many layers as there are matrices C are as many steps of TD(0) from 0, each with its own.
   [supports wang2024.td0] *)
Theorem td0_layers Cs all :
  [/\ context all Vector "phi" = A, context all Vector "next" = N & context all Scalar "y" = r] ->
  [/\ queries all Vector "phi" = Q, queries all Vector "next" = 0 & queries all Scalar "y" = 0] ->
  - queries (run relu n (map td0_layer Cs) all) Scalar "y" = Q *m foldl td0 0 Cs.
Proof.
by move=> c q; have [_ [_ _ ->]] := folded td0_step Cs (starts c q); rewrite opprK.
Qed.

(* The same of residual gradient. [supports wang2024.residual] *)
Theorem residual_layers Cs all :
  [/\ context all Vector "phi" = A, context all Vector "next" = N & context all Scalar "y" = r] ->
  [/\ queries all Vector "phi" = Q, queries all Vector "next" = 0 & queries all Scalar "y" = 0] ->
  - queries (run relu n (map residual_layer Cs) all) Scalar "y" = Q *m foldl residual_gradient 0 Cs.
Proof.
by move=> c q; have [_ [_ _ ->]] := folded residual_step Cs (starts c q); rewrite opprK.
Qed.
End TemporalDifference.
