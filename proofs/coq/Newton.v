(* The witness `newton`: k + 2 layers are k Newton iterations from M_0 = alpha S, S = X^T X.
   Fu et al. 2023, equations 24, 30, 34, 35 and theorem 5.1, with linear attention whose keys are
   the examples alone. The weights are written from the witness that runs. *)
Require Import Prelude Matrices Iterations Layer Weights_newton.

Section Newton.
Variables (F : fieldType) (relu : F -> F) (alpha : F) (positions : nat).
Hypothesis two : 2%:R != 0 :> F.
Variables (n m d : nat) (X : 'M[F]_(n, d)) (y : 'cV[F]_n) (Q : 'M[F]_(m, d)).
Let S := X^T *m X.

(* Between two layers: every token carries x and T x, the examples carry y. *)
Definition newton_holds (all : tokens F d positions n m) (T : 'M[F]_d) :=
  [/\ [/\ context all Vector "x" = X, context all Vector "t" = X *m T
        & context all Scalar "y" = y]
    & [/\ queries all Vector "x" = Q, queries all Vector "t" = Q *m T
        & queries all Scalar "p" = 0]].

(* M_0 = alpha S in one layer (equation 24). [supports newton] *)
Theorem newton_initial :
  newton_holds (run relu n (newton_start d alpha) (embed positions (newton d alpha 0) X y Q))
    (alpha *: S).
Proof.
rewrite /newton_holds /S /newton /newton_start /newton_embedding; split; split; execute => //;
  linear_combination; ring.
Qed.

(* One layer is one iteration, T <- 2T - T S T (equation 30). [supports newton] *)
Theorem newton_layer all T :
  newton_holds all T -> newton_holds (run relu n (newton_step F d) all) (newton_update S T).
Proof.
case: all => c q [] /= [cx ct cy] [qx qt qp].
by rewrite /newton_holds /newton_update /newton_step; split; split; execute;
  rewrite ?cx ?ct ?cy ?qx ?qt ?qp // /S; linear_combination; field.
Qed.

(* k layers are k iterations. [supports newton] *)
Theorem newton_layers all T k :
  newton_holds all T ->
  newton_holds (run relu n (flatten (nseq k (newton_step F d))) all) (newton_iterate S T k).
Proof. exact: (repeated newton_layer). Qed.

(* The read-out: p = x^T T X^T y (equations 34 and 35). [supports newton] *)
Theorem newton_readout all T :
  newton_holds all T ->
  queries (run relu n (newton_end F d) all) Scalar "p" = Q *m (T *m (X^T *m y)).
Proof.
case: all => c q [] /= [cx ct cy] [qx qt qp].
by rewrite /newton_end; execute; rewrite ?cx ?ct ?cy ?qx ?qt ?qp; linear_combination; ring.
Qed.

(* The formula, written from proofs.references, is x^T M_k X^T y. *)
Lemma newton_formulaE k :
  newton_formula alpha X y Q k = Q *m (newton_iterate S (alpha *: S) k *m (X^T *m y)).
Proof.
by rewrite /newton_formula (iteri_iter (g := newton_update S)) // at_queries_weights !mulmxA.
Qed.

(* Prompt to prediction (theorem 5.1): x^T M_k X^T y for every query, every n, m, d and k.
   [supports newton] *)
Theorem newton_predicts k :
  predict relu positions (newton d alpha k) X y Q = newton_formula alpha X y Q k.
Proof.
rewrite newton_formulaE /predict /= !run_cat -(@newton_readout _ _ (newton_layers k newton_initial)).
by rewrite /newton /= scale1r.
Qed.
End Newton.
