(* The witness `hyperpower`: one linear-attention layer is T <- T (3I - 3ST + (ST)^2).
   Tokens carry x, T x, S T x and the prediction x^T T X^T y; from T_0 = alpha I, k + 1 layers do
   k iterations. The weights are written from the witness that runs. *)
Require Import Prelude Matrices Iterations Layer Weights_hyperpower.

Section Hyperpower.
Variables (F : fieldType) (relu : F -> F) (alpha : F) (positions : nat).
Hypothesis three : 3%:R != 0 :> F.
Variables (n m d : nat) (X : 'M[F]_(n, d)) (y : 'cV[F]_n) (Q : 'M[F]_(m, d)).
Let S := X^T *m X.

(* Between two layers; T is symmetric, as a polynomial in S is. *)
Definition hyperpower_holds (all : tokens F d positions n m) (T : 'M[F]_d) :=
  [/\ [/\ context all Vector "x" = X, context all Vector "t" = X *m T,
          context all Vector "s" = X *m T *m S & context all Scalar "p" = X *m T *m (X^T *m y)],
      [/\ queries all Vector "x" = Q, queries all Vector "t" = Q *m T,
          queries all Vector "s" = Q *m T *m S & queries all Scalar "p" = Q *m T *m (X^T *m y)]
    & T^T = T].

(* T_0 = alpha I in one layer. [supports hyperpower] *)
Theorem hyperpower_initial :
  hyperpower_holds
    (run relu n (hyperpower_start F d) (embed positions (hyperpower d alpha 0) X y Q)) alpha%:M.
Proof.
by rewrite /hyperpower_holds /S /hyperpower /hyperpower_start /hyperpower_embedding; split;
  [split | split | exact: tr_scalar_mx]; execute => //; linear_combination; ring.
Qed.

(* One layer is one third-order iteration. [supports hyperpower] *)
Theorem hyperpower_layer all T :
  hyperpower_holds all T ->
  hyperpower_holds (run relu n (hyperpower_step F d) all) (hyperpower_update S T).
Proof.
case: all => c q [] /= [cx ct cs cp] [qx qt qs qp] symmetric.
have kept : (hyperpower_update S T)^T = hyperpower_update S T.
  by apply: hyperpower_update_sym => //; rewrite /S trmx_mul trmxK.
by rewrite /hyperpower_holds; split => //; rewrite /hyperpower_update /hyperpower_step; split;
  execute; rewrite ?cx ?ct ?cs ?cp ?qx ?qt ?qs ?qp // /S; words; rewrite ?symmetric;
  linear_combination; field.
Qed.

(* The formula, written from proofs.references, is x^T T_k X^T y. *)
Lemma hyperpower_formulaE k :
  hyperpower_formula alpha X y Q k = Q *m hyperpower_iterate S alpha%:M k *m (X^T *m y).
Proof.
rewrite /hyperpower_formula (iteri_iter (g := hyperpower_update S)) => [|i T].
  by rewrite at_queries_weights /hyperpower_formula_start scalemx1 !mulmxA.
by rewrite /hyperpower_update /hyperpower_formula_step; linear_combination; ring.
Qed.

(* Prompt to prediction: x^T T_k X^T y for every query, every n, m, d and k.
   [supports hyperpower] *)
Theorem hyperpower_predicts k :
  predict relu positions (hyperpower d alpha k) X y Q = hyperpower_formula alpha X y Q k.
Proof.
have [_ [_ _ _ reads] _] := repeated hyperpower_layer k hyperpower_initial.
by rewrite hyperpower_formulaE -reads /predict /= !run_cat /= scale1r.
Qed.

(* k + 1 layers leave what 3^k gradient steps of size alpha leave. [supports hyperpower] *)
Theorem hyperpower_predicts_descent k :
  predict relu positions (hyperpower d alpha k) X y Q =
  Q *m descent_iterate alpha S (X^T *m y) 0 (3 ^ k).
Proof. by rewrite hyperpower_predicts hyperpower_formulaE -mulmxA hyperpower_is_descent. Qed.
End Hyperpower.
