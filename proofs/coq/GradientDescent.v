(* The witness `gradient_descent`: k layers are k steps w <- w - eta * gradient, on
     sum   |Xw - y|^2 + lambda |w|^2            (Akyurek et al. 2022, equation 11, summed)
     mean  (1/2n) |Xw - y|^2 + (lambda/2) |w|^2 (von Oswald et al. 2022, proposition 1)
   with or without ridge, from w0 or from zero. Weights.v is written from the witness that runs. *)
From Coq Require Import String.
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.algebra_tactics Require Import ring.
Require Import Matrices Layer Weights.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import GRing.Theory.
Local Open Scope ring_scope.
Local Open Scope string_scope.

Section Gradients.
Variables (F : fieldType) (n d : nat) (X : 'M[F]_(n, d)) (y : 'cV[F]_n) (eta lambda : F).
Implicit Types w v : 'cV[F]_d.

Definition gradient_sum w := 2%:R *: (X^T *m (X *m w - y)) + (2%:R * lambda) *: w.
Definition gradient_mean w := n%:R^-1 *: (X^T *m (X *m w - y)) + lambda *: w.

Definition step_sum w := w - eta *: gradient_sum w.
Definition step_mean w := w - eta *: gradient_mean w.

Definition loss_sum w := (X *m w - y)^T *m (X *m w - y) + lambda *: (w^T *m w).

(* gradient_sum is the gradient: the rest of the difference is quadratic in v.
   [supports gradient_descent] *)
Theorem gradient_sum_is_gradient w v :
  loss_sum (w + v) =
  loss_sum w + v^T *m gradient_sum w + ((X *m v)^T *m (X *m v) + lambda *: (v^T *m v)).
Proof.
have swap : v^T *m (X^T *m (X *m w)) = w^T *m (X^T *m (X *m v)).
  by rewrite -[LHS]trmx_number !trmx_mul !trmxK !mulmxA.
have cross : v^T *m (X^T *m y) = y^T *m (X *m v).
  by rewrite -[LHS]trmx_number !trmx_mul !trmxK !mulmxA.
have inner := inner_product_sym v w.
rewrite /loss_sum /gradient_sum; move: swap cross; words => swap cross.
words; rewrite ?inner ?swap ?cross; linear_combination; ring.
Qed.

(* 2n times the mean loss at lambda / n is the sum loss at lambda: the steps agree. *)
Theorem mean_is_sum w :
  n%:R != 0 :> F -> 2%:R * n%:R *: gradient_mean w =
  2%:R *: (X^T *m (X *m w - y)) + (2%:R * n%:R * lambda) *: w.
Proof. by move=> ?; rewrite /gradient_mean; linear_combination; field. Qed.
End Gradients.

Section Witness.
Variables (F : fieldType) (relu : F -> F) (eta lambda : F) (positions : nat).
Variables (n m d : nat) (X : 'M[F]_(n, d)) (y : 'cV[F]_n) (Q : 'M[F]_(m, d)) (w0 : 'cV[F]_d).
Notation prompt := (tokens F d positions n m).

(* Between two layers: fit = x^T w at every token; with ridge, old = x^T w too. *)
Definition fits (all : prompt) (w : 'cV[F]_d) :=
  [/\ [/\ context all Vector "x" = X, context all Scalar "y" = y & context all Scalar "fit" = X *m w]
    & queries all Vector "x" = Q /\ queries all Scalar "fit" = Q *m w].

Definition fits_twice (all : prompt) w :=
  fits all w /\ (context all Scalar "old" = X *m w /\ queries all Scalar "old" = Q *m w).

Lemma repeated (holds : prompt -> 'cV[F]_d -> Prop) step layers :
  (forall all w, holds all w -> holds (run relu n layers all) (step w)) ->
  forall all w k, holds all w -> holds (run relu n (flatten (nseq k layers)) all) (iter k step w).
Proof.
move=> one all w k start; elim: k => [|k IH] //.
by rewrite -addn1 nseqD flatten_cat run_cat addn1 /= cats0; exact: one IH.
Qed.

(* One layer is one step on |Xw - y|^2. [supports gradient_descent] *)
Theorem sum_layer all w :
  fits all w -> fits (run relu n (gradient_descent_sum_step d eta) all) (step_sum X y eta 0 w).
Proof.
case: all => c q [] /= [cx cy cf] [qx qf].
by rewrite /fits /step_sum /gradient_sum /gradient_descent_sum_step; repeat split; execute;
  rewrite ?cx ?cy ?cf ?qx ?qf //; linear_combination; ring.
Qed.

(* Prompt to prediction: x^T w_k for every query, from w0. [supports gradient_descent] [predicts gradient_descent] *)
Theorem sum_predicts k :
  predict relu positions (gradient_descent_sum eta w0 k) X y Q = Q *m iter k (step_sum X y eta 0) w0.
Proof.
have start : fits (embed positions (gradient_descent_sum eta w0 0) X y Q) w0.
  by rewrite /fits /gradient_descent_sum /gradient_descent_sum_embedding; repeat split; execute; rewrite ?scale1r.
have [_ [_ <-]] := repeated sum_layer k start.
by rewrite /predict /= cats0 scale1r.
Qed.

(* The same from w_0 = 0. [supports gradient_descent] [predicts gradient_descent] *)
Theorem sum_zero_predicts k :
  predict relu positions (gradient_descent_sum_zero d eta k) X y Q = Q *m iter k (step_sum X y eta 0) 0.
Proof.
have start : fits (embed positions (gradient_descent_sum_zero d eta 0) X y Q) 0.
  by rewrite /fits /gradient_descent_sum_zero /gradient_descent_sum_zero_embedding; repeat split; execute.
have [_ [_ <-]] := repeated sum_layer k start.
by rewrite /predict /= cats0 scale1r.
Qed.

(* One layer is one step on |Xw - y|^2 + lambda |w|^2. [supports gradient_descent] *)
Theorem sum_ridge_layer all w :
  fits_twice all w -> fits_twice (run relu n (gradient_descent_sum_ridge_step d eta lambda) all) (step_sum X y eta lambda w).
Proof.
case: all => c q [] [] /= [cx cy cf] [qx qf] [co qo].
by rewrite /fits_twice /fits /step_sum /gradient_sum /gradient_descent_sum_ridge_step; repeat split; execute;
  rewrite ?cx ?cy ?cf ?qx ?qf ?co ?qo //; linear_combination; ring.
Qed.

(* Prompt to prediction: x^T w_k for every query, from w0. [supports gradient_descent] [predicts gradient_descent] *)
Theorem sum_ridge_predicts k :
  predict relu positions (gradient_descent_sum_ridge eta lambda w0 k) X y Q = Q *m iter k (step_sum X y eta lambda) w0.
Proof.
have start : fits_twice (embed positions (gradient_descent_sum_ridge eta lambda w0 0) X y Q) w0.
  by rewrite /fits_twice /fits /gradient_descent_sum_ridge /gradient_descent_sum_ridge_embedding; repeat split; execute; rewrite ?scale1r.
have [[_ [_ <-]] _] := repeated sum_ridge_layer k start.
by rewrite /predict /= cats0 scale1r.
Qed.

(* The same from w_0 = 0. [supports gradient_descent] [predicts gradient_descent] *)
Theorem sum_ridge_zero_predicts k :
  predict relu positions (gradient_descent_sum_ridge_zero d eta lambda k) X y Q = Q *m iter k (step_sum X y eta lambda) 0.
Proof.
have start : fits_twice (embed positions (gradient_descent_sum_ridge_zero d eta lambda 0) X y Q) 0.
  by rewrite /fits_twice /fits /gradient_descent_sum_ridge_zero /gradient_descent_sum_ridge_zero_embedding; repeat split; execute.
have [[_ [_ <-]] _] := repeated sum_ridge_layer k start.
by rewrite /predict /= cats0 scale1r.
Qed.

(* One layer is one step on (1/2n) |Xw - y|^2. [supports gradient_descent] *)
Theorem mean_layer all w :
  fits all w -> fits (run relu n (gradient_descent_mean_step d eta) all) (step_mean X y eta 0 w).
Proof.
case: all => c q [] /= [cx cy cf] [qx qf].
by rewrite /fits /step_mean /gradient_mean /gradient_descent_mean_step; repeat split; execute;
  rewrite ?cx ?cy ?cf ?qx ?qf //; linear_combination; ring.
Qed.

(* Prompt to prediction: x^T w_k for every query, from w0. [supports gradient_descent] [predicts gradient_descent] *)
Theorem mean_predicts k :
  predict relu positions (gradient_descent_mean eta w0 k) X y Q = Q *m iter k (step_mean X y eta 0) w0.
Proof.
have start : fits (embed positions (gradient_descent_mean eta w0 0) X y Q) w0.
  by rewrite /fits /gradient_descent_mean /gradient_descent_mean_embedding; repeat split; execute; rewrite ?scale1r.
have [_ [_ <-]] := repeated mean_layer k start.
by rewrite /predict /= cats0 scale1r.
Qed.

(* The same from w_0 = 0. [supports gradient_descent] [predicts gradient_descent] *)
Theorem mean_zero_predicts k :
  predict relu positions (gradient_descent_mean_zero d eta k) X y Q = Q *m iter k (step_mean X y eta 0) 0.
Proof.
have start : fits (embed positions (gradient_descent_mean_zero d eta 0) X y Q) 0.
  by rewrite /fits /gradient_descent_mean_zero /gradient_descent_mean_zero_embedding; repeat split; execute.
have [_ [_ <-]] := repeated mean_layer k start.
by rewrite /predict /= cats0 scale1r.
Qed.

(* One layer is one step on (1/2n) |Xw - y|^2 + (lambda/2) |w|^2. [supports gradient_descent] *)
Theorem mean_ridge_layer all w :
  fits_twice all w -> fits_twice (run relu n (gradient_descent_mean_ridge_step d eta lambda) all) (step_mean X y eta lambda w).
Proof.
case: all => c q [] [] /= [cx cy cf] [qx qf] [co qo].
by rewrite /fits_twice /fits /step_mean /gradient_mean /gradient_descent_mean_ridge_step; repeat split; execute;
  rewrite ?cx ?cy ?cf ?qx ?qf ?co ?qo //; linear_combination; ring.
Qed.

(* Prompt to prediction: x^T w_k for every query, from w0. [supports gradient_descent] [predicts gradient_descent] *)
Theorem mean_ridge_predicts k :
  predict relu positions (gradient_descent_mean_ridge eta lambda w0 k) X y Q = Q *m iter k (step_mean X y eta lambda) w0.
Proof.
have start : fits_twice (embed positions (gradient_descent_mean_ridge eta lambda w0 0) X y Q) w0.
  by rewrite /fits_twice /fits /gradient_descent_mean_ridge /gradient_descent_mean_ridge_embedding; repeat split; execute; rewrite ?scale1r.
have [[_ [_ <-]] _] := repeated mean_ridge_layer k start.
by rewrite /predict /= cats0 scale1r.
Qed.

(* The same from w_0 = 0. [supports gradient_descent] [predicts gradient_descent] *)
Theorem mean_ridge_zero_predicts k :
  predict relu positions (gradient_descent_mean_ridge_zero d eta lambda k) X y Q = Q *m iter k (step_mean X y eta lambda) 0.
Proof.
have start : fits_twice (embed positions (gradient_descent_mean_ridge_zero d eta lambda 0) X y Q) 0.
  by rewrite /fits_twice /fits /gradient_descent_mean_ridge_zero /gradient_descent_mean_ridge_zero_embedding; repeat split; execute.
have [[_ [_ <-]] _] := repeated mean_ridge_layer k start.
by rewrite /predict /= cats0 scale1r.
Qed.

End Witness.
